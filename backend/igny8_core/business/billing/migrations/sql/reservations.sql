-- Reservations: reserve, then exactly one of capture, release, expire. Rules as in wallets.sql.

-- Puts `p_amount` of the free credits behind a reservation, in burn order. The wallet is locked,
-- due lots have expired and enough is free.
CREATE FUNCTION ledger.hold(
    p_account bigint, p_reservation bigint, p_amount bigint, p_at timestamptz
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    l record;
    part bigint;
    need bigint := p_amount;
BEGIN
    FOR l IN SELECT id, remaining - held AS free FROM billing_creditlot
              WHERE account_id = p_account AND remaining > 0 AND remaining > held
              ORDER BY priority, expires_at NULLS LAST, id
    LOOP
        part := least(need, l.free);
        UPDATE billing_creditlot SET held = held + part, updated_at = p_at
         WHERE account_id = p_account AND id = l.id;
        INSERT INTO billing_creditreservationlot AS x
            (account_id, reservation_id, lot_id, amount, created_at, updated_at)
        VALUES (p_account, p_reservation, l.id, part, p_at, p_at)
        ON CONFLICT (account_id, reservation_id, lot_id)
            DO UPDATE SET amount = x.amount + excluded.amount, updated_at = p_at;
        need := need - part;
        EXIT WHEN need = 0;
    END LOOP;
    IF need <> 0 THEN
        RAISE EXCEPTION 'the lots of account % do not cover its wallet', p_account
            USING ERRCODE = 'data_corrupted';
    END IF;
    UPDATE billing_creditwallet SET held = held + p_amount, updated_at = p_at
     WHERE account_id = p_account;
END $$;

-- The wallet after its due lots have expired. It is locked.
CREATE FUNCTION ledger.after_expiry(w billing_creditwallet, p_at timestamptz)
RETURNS billing_creditwallet
LANGUAGE plpgsql AS $$
BEGIN
    IF ledger.expire_due_lots(w.account_id, p_at) > 0 THEN
        SELECT * INTO w FROM billing_creditwallet x WHERE x.account_id = w.account_id;
    END IF;
    RETURN w;
END $$;

-- Why `p_amount` more cannot be reserved, or NULL.
CREATE FUNCTION ledger.refusal(w billing_creditwallet, p_amount bigint) RETURNS text
LANGUAGE sql AS $$
    SELECT CASE
        WHEN w.is_dispute_blocked OR w.is_dunning_blocked OR w.is_staff_blocked OR w.debt > 0
            THEN 'blocked'
        WHEN w.balance - w.held < p_amount THEN 'insufficient'
    END
$$;

CREATE FUNCTION ledger.reserve(
    p_account bigint, p_key text, p_fingerprint text, p_amount bigint, p_ttl interval,
    p_operation text, p_related_type text, p_related_id bigint, p_price jsonb, p_now timestamptz,
    OUT outcome text, OUT reservation_id bigint, OUT status text, OUT attempt integer,
    OUT amount bigint, OUT available bigint
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    w billing_creditwallet := ledger.lock_wallet(p_account);
    t timestamptz := ledger.clock(p_now);  -- after the wait: time follows the order of rows
    r billing_creditreservation;
    asked text := p_amount || ':' || p_fingerprint;  -- `amount` may grow; this stays
BEGIN
    IF w.account_id IS NULL THEN
        outcome := 'no_wallet';
        RETURN;
    ELSIF p_amount IS NULL OR p_amount <= 0 THEN
        outcome := 'bad_amount';
        RETURN;
    END IF;
    SELECT * INTO r FROM billing_creditreservation x
     WHERE x.account_id = p_account AND x.idempotency_key = p_key;
    IF FOUND THEN
        reservation_id := r.id;
        status := r.status;
        attempt := r.attempt;
        amount := r.amount;
        outcome := CASE WHEN (r.fingerprint, r.operation, r.related_type, r.related_id)
                             IS NOT DISTINCT FROM
                             (asked, p_operation, p_related_type, p_related_id)
                        THEN 'exists' ELSE 'mismatch' END;
        RETURN;
    END IF;
    w := ledger.after_expiry(w, t);
    outcome := ledger.refusal(w, p_amount);
    IF outcome IS NOT NULL THEN
        available := w.balance - w.held;
        RETURN;
    END IF;
    INSERT INTO billing_creditreservation
        (account_id, idempotency_key, fingerprint, amount, status, attempt, expires_at, operation,
         price_snapshot, related_type, related_id, created_at, updated_at)
    VALUES
        (p_account, p_key, asked, p_amount, 'held', 1, t + p_ttl, p_operation, p_price,
         p_related_type, p_related_id, t, t)
    RETURNING id INTO reservation_id;
    PERFORM ledger.hold(p_account, reservation_id, p_amount, t);
    outcome := 'created';
    status := 'held';
    attempt := 1;
    amount := p_amount;
    available := w.balance - w.held - p_amount;
END $$;

-- More work than estimated: to be called before it is spent.
CREATE FUNCTION ledger.extend(
    p_account bigint, p_reservation bigint, p_amount bigint, p_attempt integer,
    p_now timestamptz, OUT outcome text, OUT available bigint
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    w billing_creditwallet := ledger.lock_wallet(p_account);
    t timestamptz := ledger.clock(p_now);  -- after the wait: time follows the order of rows
    r billing_creditreservation;
BEGIN
    SELECT * INTO r FROM billing_creditreservation x
     WHERE x.account_id = p_account AND x.id = p_reservation;
    IF NOT FOUND THEN
        outcome := 'not_found';
    ELSIF p_attempt IS DISTINCT FROM r.attempt THEN
        outcome := 'stale_attempt';
    ELSIF r.status <> 'held' THEN
        outcome := 'already_' || r.status;
    ELSIF p_amount IS NULL OR p_amount < r.amount THEN
        outcome := 'bad_amount';
    ELSIF p_amount = r.amount THEN
        outcome := 'exists';
    END IF;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    w := ledger.after_expiry(w, t);
    outcome := ledger.refusal(w, p_amount - r.amount);
    IF outcome IS NOT NULL THEN
        available := w.balance - w.held;
        RETURN;
    END IF;
    UPDATE billing_creditreservation SET amount = p_amount, updated_at = t
     WHERE account_id = p_account AND id = p_reservation;
    PERFORM ledger.hold(p_account, p_reservation, p_amount - r.amount, t);
    outcome := 'extended';
    available := w.balance - w.held - (p_amount - r.amount);
END $$;

-- The new owner's attempt, or NULL when the reservation is no longer held.
CREATE FUNCTION ledger.take_over(
    p_account bigint, p_reservation bigint, p_ttl interval, p_now timestamptz, OUT attempt integer
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    w billing_creditwallet := ledger.lock_wallet(p_account);
    t timestamptz := ledger.clock(p_now);
BEGIN
    UPDATE billing_creditreservation x
       SET attempt = x.attempt + 1, expires_at = t + p_ttl, updated_at = t
     WHERE x.account_id = p_account AND x.id = p_reservation AND x.status = 'held'
    RETURNING x.attempt INTO attempt;
END $$;

-- What a resolved reservation does to its lots: the first `p_used` credits in burn order are
-- gone, the rest is free again, expires if its time has come, and pays an open debt.
CREATE FUNCTION ledger.free_lots(
    p_account bigint, p_reservation bigint, p_used bigint, p_transaction bigint, p_debt bigint,
    p_at timestamptz
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    l record;
    part bigint;
    left_over bigint := p_used;
    is_due boolean := false;
    freed_lots bigint[] := '{}';
    freed_amounts bigint[] := '{}';
BEGIN
    FOR l IN SELECT x.lot_id, x.amount, g.expires_at
               FROM billing_creditreservationlot x
               JOIN billing_creditlot g ON g.account_id = x.account_id AND g.id = x.lot_id
              WHERE x.account_id = p_account AND x.reservation_id = p_reservation
              ORDER BY g.priority, g.expires_at NULLS LAST, g.id
    LOOP
        part := least(left_over, l.amount);
        UPDATE billing_creditlot
           SET held = held - l.amount, remaining = remaining - part, updated_at = p_at
         WHERE account_id = p_account AND id = l.lot_id;
        IF part > 0 THEN
            PERFORM ledger.split(p_account, p_transaction, l.lot_id, -part, p_at);
        END IF;
        left_over := left_over - part;
        is_due := is_due OR coalesce(l.expires_at <= p_at, false);
        IF p_debt > 0 AND l.amount > part THEN
            freed_lots := freed_lots || l.lot_id;
            freed_amounts := freed_amounts || (l.amount - part);
        END IF;
    END LOOP;
    IF is_due THEN
        PERFORM ledger.expire_due_lots(p_account, p_at);
    END IF;
    FOR i IN 1 .. cardinality(freed_lots) LOOP
        PERFORM ledger.pay_debt(p_account, freed_lots[i], freed_amounts[i], p_at);
    END LOOP;
END $$;

CREATE FUNCTION ledger.resolve(
    p_account bigint, p_reservation bigint, p_to text, p_amount bigint, p_attempt integer,
    p_now timestamptz, OUT outcome text, OUT transaction_id bigint
)
LANGUAGE plpgsql AS $$
DECLARE
    w billing_creditwallet := ledger.lock_wallet(p_account);
    t timestamptz := ledger.clock(p_now);  -- after the wait: time follows the order of rows
    r billing_creditreservation;
BEGIN
    SELECT * INTO r FROM billing_creditreservation x
     WHERE x.account_id = p_account AND x.id = p_reservation;
    IF NOT FOUND THEN
        outcome := 'not_found';
    -- The fence stands before the status: with equal amounts, a worker that lost its attempt
    -- would otherwise be told `replay` and store a second result.
    ELSIF p_to <> 'expired' AND p_attempt IS DISTINCT FROM r.attempt THEN
        outcome := 'stale_attempt';
    ELSIF r.status <> 'held' THEN
        outcome := CASE WHEN r.status = p_to AND (p_to <> 'captured' OR r.captured = p_amount)
                        THEN 'replay' ELSE 'already_' || r.status END;
        SELECT x.id INTO transaction_id FROM billing_credittransaction x
         WHERE x.account_id = p_account AND x.reservation_id = p_reservation
           AND x.type = 'deduction';
    ELSIF p_amount IS NULL OR p_amount < 0 THEN
        outcome := 'bad_amount';
    ELSIF p_amount > r.amount THEN
        outcome := 'exceeds';
    ELSIF p_to = 'expired' AND r.expires_at > t THEN
        outcome := 'not_due';
    END IF;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    UPDATE billing_creditreservation
       SET status = p_to, captured = CASE p_to WHEN 'captured' THEN p_amount END,
           resolved_at = t, updated_at = t
     WHERE account_id = p_account AND id = p_reservation;
    IF p_amount > 0 THEN
        transaction_id := ledger.post(
            p_account, 'deduction', -p_amount, 'reservation:' || p_reservation, -r.amount, t,
            '{}', p_reservation);
    ELSE
        UPDATE billing_creditwallet SET held = held - r.amount, updated_at = t
         WHERE account_id = p_account;
    END IF;
    PERFORM ledger.free_lots(p_account, p_reservation, p_amount, transaction_id, w.debt, t);
    outcome := p_to;
END $$;

CREATE FUNCTION ledger.capture(
    p_account bigint, p_reservation bigint, p_amount bigint, p_attempt integer,
    p_now timestamptz, OUT outcome text, OUT transaction_id bigint
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    SELECT x.outcome, x.transaction_id INTO outcome, transaction_id
      FROM ledger.resolve(p_account, p_reservation, 'captured', p_amount, p_attempt, p_now) x;
END $$;

CREATE FUNCTION ledger.release(
    p_account bigint, p_reservation bigint, p_attempt integer, p_now timestamptz,
    OUT outcome text
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    SELECT x.outcome INTO outcome
      FROM ledger.resolve(p_account, p_reservation, 'released', 0, p_attempt, p_now) x;
END $$;

CREATE FUNCTION ledger.expire(
    p_account bigint, p_reservation bigint, p_now timestamptz, OUT outcome text
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    SELECT x.outcome INTO outcome
      FROM ledger.resolve(p_account, p_reservation, 'expired', 0, NULL, p_now) x;
END $$;
