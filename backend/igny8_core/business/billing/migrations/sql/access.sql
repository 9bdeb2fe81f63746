-- Who may do what. The tables and functions belong to a role that nobody logs in as; the runtime
-- role reads its own rows and calls the public functions; the staff role reads all rows.

CREATE TRIGGER open_wallet AFTER INSERT ON igny8_auth_account
    FOR EACH ROW EXECUTE FUNCTION ledger.open_wallet();

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'billing_creditwallet', 'billing_credittransaction', 'billing_creditlot',
        'billing_creditreservation', 'billing_creditreservationlot',
        'billing_credittransactionlot']
    LOOP
        EXECUTE format('CREATE POLICY ledger_owner ON %I TO ledger_owner'
                       ' USING (true) WITH CHECK (true)', name);
        EXECUTE format('ALTER TABLE %I OWNER TO ledger_owner', name);
    END LOOP;
    FOR name IN SELECT oid::regprocedure FROM pg_proc
                 WHERE pronamespace = 'ledger'::regnamespace
    LOOP
        EXECUTE 'ALTER FUNCTION ' || name || ' OWNER TO ledger_owner';
        EXECUTE 'REVOKE EXECUTE ON FUNCTION ' || name || ' FROM PUBLIC';
    END LOOP;
END $$;
ALTER VIEW ledger.audit OWNER TO ledger_owner;

GRANT USAGE ON SCHEMA ledger TO igny8_app, igny8_admin;
GRANT EXECUTE ON FUNCTION
    ledger.grant_credits, ledger.reserve, ledger.extend, ledger.take_over, ledger.capture,
    ledger.release, ledger.expire, ledger.expire_lots, ledger.revoke_lot, ledger.set_block
    TO igny8_app;
GRANT SELECT ON ledger.audit TO igny8_admin;

-- Accounts that are older than the ledger.
SELECT ledger.open_wallet_of(id) FROM igny8_auth_account a
 WHERE NOT EXISTS (SELECT 1 FROM billing_creditwallet w WHERE w.account_id = a.id);
