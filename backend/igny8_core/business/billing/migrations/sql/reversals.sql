-- A credit note that reverses another one puts back exactly what that one took, of the same
-- invoice; and nothing reverses a reversal. AFTER: a foreign key is heard of first.
CREATE FUNCTION credit_note_reversal_guard() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.reverses_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM billing_creditnote n
         WHERE n.account_id = NEW.account_id AND n.id = NEW.reverses_id
           AND n.reverses_id IS NULL
           AND (n.invoice_id, n.currency, n.subtotal_minor, n.tax_minor, n.total_minor)
             = (NEW.invoice_id, NEW.currency, NEW.subtotal_minor, NEW.tax_minor, NEW.total_minor)
    ) THEN
        RAISE EXCEPTION 'credit note % does not put back what it says it reverses', NEW.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER creditnote_reversal_guard AFTER INSERT ON billing_creditnote
    FOR EACH ROW EXECUTE FUNCTION credit_note_reversal_guard();
