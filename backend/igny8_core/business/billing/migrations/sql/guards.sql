-- What holds the books together whoever writes: the chain, the head, and triggers that freeze.
-- These hold against the owner of the tables too; a superuser in replica role, or an owner who
-- drops a constraint, is found by ledger.audit.

CREATE SCHEMA ledger AUTHORIZATION ledger_owner;

ALTER TABLE billing_credittransaction ADD CONSTRAINT credittx_chain
    FOREIGN KEY (account_id, prev_seq, balance_before)
    REFERENCES billing_credittransaction (account_id, seq, balance_after);
ALTER TABLE billing_creditwallet ADD CONSTRAINT creditwallet_head
    FOREIGN KEY (account_id, seq, balance)
    REFERENCES billing_credittransaction (account_id, seq, balance_after)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE billing_creditcostconfig ADD CONSTRAINT creditcost_follows
    FOREIGN KEY (operation_type, unit, prev_version, active_from)
    REFERENCES billing_creditcostconfig (operation_type, unit, version, active_to);

-- Free space beside rows that are updated again and again.
ALTER TABLE billing_creditwallet SET (fillfactor = 50);
ALTER TABLE billing_creditlot SET (fillfactor = 60);
ALTER TABLE billing_creditreservation SET (fillfactor = 70);

-- A switch for tests. Anybody may set a variable; only a superuser's login makes it count.
CREATE FUNCTION ledger.is_switched_on(p_switch text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    RETURN coalesce(current_setting(p_switch, true), '') = 'on'
        AND (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user);
END $$;

CREATE FUNCTION ledger.append_only() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND ledger.is_switched_on('ledger.allow_truncate') THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% on % is not allowed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION ledger.wallet_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seq NOT IN (OLD.seq, OLD.seq + 1)
        OR (NEW.seq = OLD.seq AND NEW.balance <> OLD.balance) THEN
        RAISE EXCEPTION 'the wallet''s head moves one ledger row at a time'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- The same edges as RESERVATION in states.py.
CREATE FUNCTION ledger.reservation_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'held' THEN
        RAISE EXCEPTION 'reservation % is already %', OLD.id, OLD.status
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.id, NEW.account_id, NEW.idempotency_key, NEW.fingerprint, NEW.operation)
        IS DISTINCT FROM
       (OLD.id, OLD.account_id, OLD.idempotency_key, OLD.fingerprint, OLD.operation) THEN
        RAISE EXCEPTION 'the identity of reservation % is fixed', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.amount < OLD.amount OR NEW.attempt < OLD.attempt
        OR (NEW.status <> 'held' AND NEW.amount <> OLD.amount) THEN
        RAISE EXCEPTION 'amount and attempt of reservation % only grow while it is held', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- A ledger row may not run ahead of the wallet. Deferred, so it needs rights of its own: before
-- PostgreSQL 18 it runs as whoever commits.
CREATE FUNCTION ledger.head_check() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.seq > (SELECT seq FROM billing_creditwallet WHERE account_id = NEW.account_id) THEN
        RAISE EXCEPTION 'ledger row % of account % is ahead of the wallet', NEW.seq, NEW.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing_credittransaction
    FOR EACH ROW EXECUTE FUNCTION ledger.append_only();
CREATE TRIGGER keep BEFORE TRUNCATE ON billing_credittransaction
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.append_only();
CREATE CONSTRAINT TRIGGER head_check AFTER INSERT ON billing_credittransaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger.head_check();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing_credittransactionlot
    FOR EACH ROW EXECUTE FUNCTION ledger.append_only();
CREATE TRIGGER keep BEFORE TRUNCATE ON billing_credittransactionlot
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.append_only();

CREATE TRIGGER guard BEFORE UPDATE OF seq, balance ON billing_creditwallet
    FOR EACH ROW EXECUTE FUNCTION ledger.wallet_guard();
CREATE TRIGGER no_delete BEFORE DELETE ON billing_creditwallet
    FOR EACH ROW EXECUTE FUNCTION ledger.append_only();
CREATE TRIGGER keep BEFORE TRUNCATE ON billing_creditwallet
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.append_only();

CREATE TRIGGER guard BEFORE UPDATE ON billing_creditreservation
    FOR EACH ROW EXECUTE FUNCTION ledger.reservation_guard();
CREATE TRIGGER no_delete BEFORE DELETE ON billing_creditreservation
    FOR EACH ROW EXECUTE FUNCTION ledger.append_only();
CREATE TRIGGER keep BEFORE TRUNCATE ON billing_creditreservation
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.append_only();

CREATE TRIGGER no_delete BEFORE DELETE ON billing_creditlot
    FOR EACH ROW EXECUTE FUNCTION ledger.append_only();
CREATE TRIGGER keep BEFORE TRUNCATE ON billing_creditlot
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.append_only();
CREATE TRIGGER no_delete BEFORE DELETE ON billing_creditreservationlot
    FOR EACH ROW EXECUTE FUNCTION ledger.append_only();
CREATE TRIGGER keep BEFORE TRUNCATE ON billing_creditreservationlot
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.append_only();
