-- Wallets, lots and grants. Every function that the runtime role may call
--   * refuses an account that is not the tenant's: a definer function passes by row security;
--   * locks the wallet row first, so one account's functions run one after the other;
--   * answers with an outcome and never raises for a business case.

CREATE FUNCTION ledger.clock(p_now timestamptz) RETURNS timestamptz
LANGUAGE plpgsql AS $$
DECLARE
    t timestamptz := clock_timestamp();
BEGIN
    IF ledger.is_switched_on('ledger.test_clock') THEN
        RETURN p_now;
    END IF;
    IF p_now IS NULL OR abs(extract(epoch FROM p_now - t)) > 60 THEN
        RAISE EXCEPTION 'the caller''s clock says %, ours %', p_now, t
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN t;
END $$;

CREATE FUNCTION ledger.lock_wallet(p_account bigint) RETURNS billing_creditwallet
LANGUAGE plpgsql AS $$
DECLARE
    w billing_creditwallet;
BEGIN
    IF p_account IS DISTINCT FROM current_setting('igny8.account_id')::bigint THEN
        RAISE EXCEPTION 'account % is not the tenant''s', p_account
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT * INTO w FROM billing_creditwallet WHERE account_id = p_account FOR NO KEY UPDATE;
    RETURN w;
END $$;

-- Every change of a balance: one ledger row, and the wallet's head onto it. The wallet is locked.
CREATE FUNCTION ledger.post(
    p_account bigint, p_type text, p_amount bigint, p_key text, p_held_delta bigint,
    p_at timestamptz, p_metadata jsonb DEFAULT '{}', p_reservation bigint DEFAULT NULL,
    p_invoice bigint DEFAULT NULL, p_payment bigint DEFAULT NULL, p_actor bigint DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    new_seq bigint;
    new_balance bigint;
    new_id bigint;
BEGIN
    UPDATE billing_creditwallet
       SET balance = balance + p_amount, held = held + p_held_delta, seq = seq + 1,
           updated_at = p_at
     WHERE account_id = p_account
    RETURNING seq, balance INTO new_seq, new_balance;
    INSERT INTO billing_credittransaction
        (account_id, seq, type, amount, balance_before, idempotency_key, reservation_id,
         invoice_id, payment_id, actor_id, metadata, created_at, updated_at)
    VALUES
        (p_account, new_seq, p_type, p_amount, new_balance - p_amount, p_key, p_reservation,
         p_invoice, p_payment, p_actor, p_metadata, p_at, p_at)
    RETURNING id INTO new_id;
    RETURN new_id;
END $$;

CREATE FUNCTION ledger.split(
    p_account bigint, p_transaction bigint, p_lot bigint, p_amount bigint, p_at timestamptz
) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO billing_credittransactionlot
        (account_id, transaction_id, lot_id, amount, created_at, updated_at)
    VALUES (p_account, p_transaction, p_lot, p_amount, p_at, p_at)
$$;

-- Takes unheld credits out of one lot, under a key that no caller can choose.
CREATE FUNCTION ledger.take_from_lot(
    p_account bigint, p_lot bigint, p_amount bigint, p_type text, p_word text, p_at timestamptz
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    next_seq bigint;
    posted bigint;
BEGIN
    UPDATE billing_creditlot SET remaining = remaining - p_amount, updated_at = p_at
     WHERE account_id = p_account AND id = p_lot;
    SELECT seq + 1 INTO next_seq FROM billing_creditwallet WHERE account_id = p_account;
    posted := ledger.post(
        p_account, p_type, -p_amount, p_word || ':' || p_lot || ':' || next_seq, 0, p_at,
        jsonb_build_object('lot', p_lot, 'reason', p_word));
    PERFORM ledger.split(p_account, posted, p_lot, -p_amount, p_at);
END $$;

-- The unheld rest of every lot whose time has come. The wallet is locked.
CREATE FUNCTION ledger.expire_due_lots(p_account bigint, p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    l record;
    total bigint := 0;
BEGIN
    FOR l IN SELECT id, remaining - held AS free FROM billing_creditlot
              WHERE account_id = p_account AND remaining > 0 AND remaining > held
                AND expires_at <= p_at ORDER BY id
    LOOP
        PERFORM ledger.take_from_lot(p_account, l.id, l.free, 'expiry', 'expiry', p_at);
        total := total + l.free;
    END LOOP;
    RETURN total;
END $$;

-- Open debt is paid first, from credits of this lot that are free. The wallet is locked.
CREATE FUNCTION ledger.pay_debt(p_account bigint, p_lot bigint, p_most bigint, p_at timestamptz)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    pay bigint;
BEGIN
    SELECT least(w.debt, p_most, l.remaining - l.held) INTO pay
      FROM billing_creditwallet w JOIN billing_creditlot l ON l.account_id = w.account_id
     WHERE w.account_id = p_account AND l.id = p_lot;
    IF pay > 0 THEN
        UPDATE billing_creditwallet SET debt = debt - pay WHERE account_id = p_account;
        PERFORM ledger.take_from_lot(p_account, p_lot, pay, 'adjustment', 'debt', p_at);
    END IF;
END $$;

CREATE FUNCTION ledger.grant_credits(
    p_account bigint, p_key text, p_type text, p_amount bigint, p_priority integer,
    p_expires timestamptz, p_now timestamptz, p_metadata jsonb DEFAULT '{}',
    p_invoice bigint DEFAULT NULL, p_payment bigint DEFAULT NULL, p_actor bigint DEFAULT NULL,
    OUT outcome text, OUT lot_id bigint
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    w billing_creditwallet := ledger.lock_wallet(p_account);
    t timestamptz := ledger.clock(p_now);  -- after the wait: time follows the order of rows
    lot_kind text := CASE p_type
        WHEN 'subscription' THEN 'plan' WHEN 'purchase' THEN 'purchase'
        WHEN 'reinstatement' THEN 'purchase' WHEN 'promo' THEN 'promo'
        WHEN 'adjustment' THEN 'adjustment' END;
    earlier record;
    posted bigint;
BEGIN
    IF lot_kind IS NULL THEN
        RAISE EXCEPTION 'credits are not granted as %', p_type
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF w.account_id IS NULL THEN
        outcome := 'no_wallet';
        RETURN;
    ELSIF p_amount IS NULL OR p_amount <= 0 THEN
        outcome := 'bad_amount';
        RETURN;
    END IF;
    SELECT x.type, x.amount, x.invoice_id, x.payment_id, l.id, l.priority, l.expires_at
      INTO earlier
      FROM billing_credittransaction x
      LEFT JOIN billing_creditlot l
        ON l.account_id = x.account_id AND l.source_key = x.idempotency_key
     WHERE x.account_id = p_account AND x.idempotency_key = p_key;
    IF FOUND THEN
        lot_id := earlier.id;
        outcome := CASE WHEN
            (earlier.type, earlier.amount, earlier.priority::integer, earlier.expires_at,
             earlier.invoice_id, earlier.payment_id)
            IS NOT DISTINCT FROM
            (p_type, p_amount, p_priority, p_expires, p_invoice, p_payment)
            THEN 'exists' ELSE 'mismatch' END;
        RETURN;
    END IF;
    INSERT INTO billing_creditlot
        (account_id, kind, priority, granted, remaining, held, expires_at, payment_id, source_key,
         created_at, updated_at)
    VALUES
        (p_account, lot_kind, p_priority, p_amount, p_amount, 0, p_expires, p_payment, p_key, t, t)
    RETURNING id INTO lot_id;
    posted := ledger.post(p_account, p_type, p_amount, p_key, 0, t, p_metadata,
                          NULL, p_invoice, p_payment, p_actor);
    PERFORM ledger.split(p_account, posted, lot_id, p_amount, t);
    IF w.debt > 0 THEN
        PERFORM ledger.pay_debt(p_account, lot_id, p_amount, t);
    END IF;
    outcome := 'created';
END $$;

CREATE FUNCTION ledger.expire_lots(p_account bigint, p_now timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM ledger.lock_wallet(p_account);
    RETURN ledger.expire_due_lots(p_account, ledger.clock(p_now));
END $$;

-- Takes back what is left of a lot, at most `p_owed`. What a chargeback cannot take is debt.
CREATE FUNCTION ledger.revoke_lot(
    p_account bigint, p_lot bigint, p_key text, p_type text, p_owed bigint, p_now timestamptz,
    p_actor bigint DEFAULT NULL,
    OUT outcome text, OUT taken bigint, OUT new_debt bigint
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    w billing_creditwallet := ledger.lock_wallet(p_account);
    t timestamptz := ledger.clock(p_now);  -- after the wait: time follows the order of rows
    l billing_creditlot;
    earlier record;
    posted bigint;
BEGIN
    IF p_type IS NULL OR p_type NOT IN ('refund', 'adjustment', 'chargeback') THEN
        RAISE EXCEPTION 'lots are not revoked as %', p_type
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT x.type, x.amount, x.metadata INTO earlier FROM billing_credittransaction x
     WHERE x.account_id = p_account AND x.idempotency_key = p_key;
    IF FOUND THEN
        taken := -earlier.amount;
        new_debt := coalesce((earlier.metadata ->> 'debt')::bigint, 0);
        outcome := CASE WHEN (earlier.type, (earlier.metadata ->> 'lot')::bigint,
                              (earlier.metadata ->> 'owed')::bigint)
                             IS NOT DISTINCT FROM (p_type, p_lot, p_owed)
                        THEN 'exists' ELSE 'mismatch' END;
        RETURN;
    END IF;
    IF p_owed IS NULL OR p_owed <= 0 THEN
        outcome := 'bad_amount';
        RETURN;
    END IF;
    SELECT * INTO l FROM billing_creditlot WHERE account_id = p_account AND id = p_lot;
    IF NOT FOUND THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    taken := least(l.remaining - l.held, p_owed);
    new_debt := CASE p_type WHEN 'chargeback' THEN p_owed - taken ELSE 0 END;
    UPDATE billing_creditlot
       SET remaining = remaining - taken, revoked_at = coalesce(revoked_at, t), updated_at = t
     WHERE account_id = p_account AND id = p_lot;
    UPDATE billing_creditwallet SET debt = debt + new_debt WHERE account_id = p_account;
    posted := ledger.post(
        p_account, p_type, -taken, p_key, 0, t,
        jsonb_build_object('lot', p_lot, 'owed', p_owed, 'debt', new_debt),
        NULL, NULL, l.payment_id, p_actor);
    IF taken > 0 THEN
        PERFORM ledger.split(p_account, posted, p_lot, -taken, t);
    END IF;
    outcome := 'created';
END $$;

CREATE FUNCTION ledger.set_block(
    p_account bigint, p_cause text, p_on boolean, p_now timestamptz, OUT outcome text
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    w billing_creditwallet := ledger.lock_wallet(p_account);
    t timestamptz := ledger.clock(p_now);  -- after the wait: time follows the order of rows
BEGIN
    IF p_cause IS NULL OR p_cause NOT IN ('dispute', 'dunning', 'staff') THEN
        RAISE EXCEPTION 'unknown cause %', p_cause USING ERRCODE = 'invalid_parameter_value';
    ELSIF w.account_id IS NULL THEN
        outcome := 'no_wallet';
        RETURN;
    END IF;
    UPDATE billing_creditwallet
       SET is_dispute_blocked = CASE p_cause WHEN 'dispute' THEN p_on ELSE is_dispute_blocked END,
           is_dunning_blocked = CASE p_cause WHEN 'dunning' THEN p_on ELSE is_dunning_blocked END,
           is_staff_blocked = CASE p_cause WHEN 'staff' THEN p_on ELSE is_staff_blocked END,
           updated_at = t
     WHERE account_id = p_account;
    outcome := 'set';
END $$;

-- Every account has exactly one wallet, whoever inserts the account.
CREATE FUNCTION ledger.open_wallet_of(p_account bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    t timestamptz := clock_timestamp();
BEGIN
    INSERT INTO billing_creditwallet
        (account_id, balance, held, debt, seq, is_dispute_blocked, is_dunning_blocked,
         is_staff_blocked, created_at, updated_at)
    VALUES (p_account, 0, 0, 0, 1, false, false, false, t, t);
    INSERT INTO billing_credittransaction
        (account_id, seq, type, amount, balance_before, idempotency_key, metadata, created_at,
         updated_at)
    VALUES (p_account, 1, 'opening', 0, 0, 'opening', '{}', t, t);
END $$;

CREATE FUNCTION ledger.open_wallet() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM ledger.open_wallet_of(NEW.id);
    RETURN NULL;
END $$;
