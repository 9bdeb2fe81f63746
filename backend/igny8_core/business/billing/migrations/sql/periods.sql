-- Periods of plans. Rules as in wallets.sql.

ALTER TABLE billing_subscriptionperiod ADD CONSTRAINT subscriptionperiod_lot
    FOREIGN KEY (account_id, lot_key) REFERENCES billing_creditlot (account_id, source_key);

-- The unheld rest of one plan lot expires now: the next period has begun before the days of grace
-- were over. What is held stays with its reservations. Purchased credits cannot be closed.
CREATE FUNCTION ledger.close_lot(
    p_account bigint, p_lot bigint, p_now timestamptz, OUT outcome text, OUT amount bigint
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    w billing_creditwallet := ledger.lock_wallet(p_account);
    t timestamptz := ledger.clock(p_now);  -- after the wait: time follows the order of rows
    l billing_creditlot;
BEGIN
    SELECT * INTO l FROM billing_creditlot x WHERE x.account_id = p_account AND x.id = p_lot;
    IF NOT FOUND THEN
        outcome := 'not_found';
        RETURN;
    ELSIF l.kind <> 'plan' THEN
        RAISE EXCEPTION 'only lots of a plan are closed, not lot % (%)', p_lot, l.kind
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    amount := l.remaining - l.held;
    IF amount > 0 THEN
        PERFORM ledger.take_from_lot(p_account, p_lot, amount, 'expiry', 'expiry', t);
    END IF;
    outcome := 'closed';
END $$;

ALTER FUNCTION ledger.close_lot OWNER TO ledger_owner;
REVOKE EXECUTE ON FUNCTION ledger.close_lot FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.close_lot TO igny8_app;
