-- Numbers of documents without a gap, and documents that never change.
--
-- A counter goes up by one, and at COMMIT its document must be there (…_head); each document
-- follows the one before it (…_chain). So nobody can leave a number out, whoever writes.

ALTER TABLE billing_invoiceseries
    ADD COLUMN last_invoice integer GENERATED ALWAYS AS
        (CASE WHEN doc_type = 'invoice' THEN NULLIF(last, 0) END) STORED,
    ADD COLUMN last_credit_note integer GENERATED ALWAYS AS
        (CASE WHEN doc_type = 'credit_note' THEN NULLIF(last, 0) END) STORED;
ALTER TABLE billing_invoice
    ADD COLUMN prev_no integer GENERATED ALWAYS AS (NULLIF(no - 1, 0)) STORED;
ALTER TABLE billing_creditnote
    ADD COLUMN prev_no integer GENERATED ALWAYS AS (NULLIF(no - 1, 0)) STORED;

ALTER TABLE billing_invoice ADD CONSTRAINT invoice_number_chain
    FOREIGN KEY (series_id, prev_no) REFERENCES billing_invoice (series_id, no);
ALTER TABLE billing_creditnote ADD CONSTRAINT creditnote_number_chain
    FOREIGN KEY (series_id, prev_no) REFERENCES billing_creditnote (series_id, no);
ALTER TABLE billing_invoiceseries ADD CONSTRAINT invoiceseries_invoice_head
    FOREIGN KEY (id, last_invoice) REFERENCES billing_invoice (series_id, no)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE billing_invoiceseries ADD CONSTRAINT invoiceseries_credit_note_head
    FOREIGN KEY (id, last_credit_note) REFERENCES billing_creditnote (series_id, no)
    DEFERRABLE INITIALLY DEFERRED;

CREATE FUNCTION invoice_series_guard() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a series of numbers is never deleted' USING ERRCODE = 'restrict_violation';
    ELSIF TG_OP = 'INSERT' AND NEW.last <> 0 THEN
        RAISE EXCEPTION 'a series begins at 0' USING ERRCODE = 'integrity_constraint_violation';
    ELSIF TG_OP = 'UPDATE' AND (
        NEW.last NOT IN (OLD.last, OLD.last + 1)
        OR (NEW.entity_id, NEW.doc_type, NEW.year, NEW.prefix)
            IS DISTINCT FROM (OLD.entity_id, OLD.doc_type, OLD.year, OLD.prefix)
        OR NEW.last_date < OLD.last_date
    ) THEN
        RAISE EXCEPTION 'a series goes up by one, and changes in nothing else'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER invoiceseries_guard AFTER INSERT OR UPDATE OR DELETE ON billing_invoiceseries
    FOR EACH ROW EXECUTE FUNCTION invoice_series_guard();

-- AFTER triggers: a foreign key that is violated, too, is what the caller hears of.
CREATE FUNCTION invoice_guard() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    was jsonb;
    now_is jsonb;
    free text[] := ARRAY['status', 'paid_at', 'voided_at', 'due_date', 'notes', 'payment_metadata',
        'pdf_sha256', 'xml_sha256', 'credited_minor', 'mailed_at', 'mail_tries', 'mail_not_before',
        'stripe_invoice_id', 'stripe_payment_intent_id', 'updated_at'];
    net numeric;
    tax numeric;
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.number IS NOT NULL THEN
            RAISE EXCEPTION 'invoice % has a number and stays', OLD.number
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.number IS NOT NULL THEN
        was := to_jsonb(OLD) - free;
        now_is := to_jsonb(NEW) - free;
        IF was IS DISTINCT FROM now_is THEN
            RAISE EXCEPTION 'invoice % has a number and does not change', OLD.number
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END IF;
    IF NEW.number IS NOT NULL THEN
        SELECT coalesce(sum(net_minor), 0) INTO net FROM billing_invoiceline l
         WHERE l.account_id = NEW.account_id AND l.invoice_id = NEW.id;
        SELECT coalesce(sum(tax_minor), 0) INTO tax FROM billing_invoicetax x
         WHERE x.account_id = NEW.account_id AND x.invoice_id = NEW.id;
        IF net <> NEW.subtotal_minor OR tax <> NEW.tax_minor THEN
            RAISE EXCEPTION 'invoice %: lines are % and tax %, not % and %', NEW.number, net, tax,
                NEW.subtotal_minor, NEW.tax_minor USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER invoice_guard AFTER INSERT OR UPDATE OR DELETE ON billing_invoice
    FOR EACH ROW EXECUTE FUNCTION invoice_guard();

CREATE FUNCTION invoice_part_guard() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    part record := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    IF EXISTS (SELECT FROM billing_invoice i WHERE i.account_id = part.account_id
        AND i.id = part.invoice_id AND i.number IS NOT NULL) THEN
        RAISE EXCEPTION 'the invoice has a number: its lines do not change'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER invoiceline_guard AFTER INSERT OR UPDATE OR DELETE ON billing_invoiceline
    FOR EACH ROW EXECUTE FUNCTION invoice_part_guard();
CREATE TRIGGER invoicetax_guard AFTER INSERT OR UPDATE OR DELETE ON billing_invoicetax
    FOR EACH ROW EXECUTE FUNCTION invoice_part_guard();

CREATE FUNCTION credit_note_guard() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    free text[] := ARRAY['pdf_sha256', 'xml_sha256', 'updated_at'];
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(OLD) - free IS DISTINCT FROM to_jsonb(NEW) - free THEN
        RAISE EXCEPTION 'credit note % stays as it is', OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER creditnote_guard AFTER UPDATE OR DELETE ON billing_creditnote
    FOR EACH ROW EXECUTE FUNCTION credit_note_guard();
