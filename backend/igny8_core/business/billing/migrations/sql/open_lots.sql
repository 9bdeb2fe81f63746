-- Lots by `is_open`: with `remaining` in the condition of an index, each change of it would write into
-- all indexes of the table.

CREATE OR REPLACE FUNCTION ledger.hold(
    p_account bigint, p_reservation bigint, p_amount bigint, p_at timestamptz
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    l record;
    part bigint;
    need bigint := p_amount;
BEGIN
    FOR l IN SELECT id, remaining - held AS free FROM billing_creditlot
              WHERE account_id = p_account AND is_open AND remaining > held
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

CREATE OR REPLACE FUNCTION ledger.expire_due_lots(p_account bigint, p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    l record;
    total bigint := 0;
BEGIN
    FOR l IN SELECT id, remaining - held AS free FROM billing_creditlot
              WHERE account_id = p_account AND is_open AND remaining > held
                AND expires_at <= p_at ORDER BY id
    LOOP
        PERFORM ledger.take_from_lot(p_account, l.id, l.free, 'expiry', 'expiry', p_at);
        total := total + l.free;
    END LOOP;
    RETURN total;
END $$;
