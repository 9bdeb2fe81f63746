-- The way back: the tables return to the migrations' role, everything else goes.

DROP TRIGGER open_wallet ON igny8_auth_account;
ALTER TABLE billing_creditcostconfig DROP CONSTRAINT creditcost_follows;
ALTER TABLE billing_creditwallet DROP CONSTRAINT creditwallet_head;
ALTER TABLE billing_credittransaction DROP CONSTRAINT credittx_chain;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'billing_creditwallet', 'billing_credittransaction', 'billing_creditlot',
        'billing_creditreservation', 'billing_creditreservationlot',
        'billing_credittransactionlot']
    LOOP
        EXECUTE format('DROP POLICY ledger_owner ON %I', name);
        EXECUTE format('ALTER TABLE %I OWNER TO igny8_owner', name);
    END LOOP;
END $$;
DROP SCHEMA ledger CASCADE;
