DROP TRIGGER creditnote_guard ON billing_creditnote;
DROP TRIGGER invoicetax_guard ON billing_invoicetax;
DROP TRIGGER invoiceline_guard ON billing_invoiceline;
DROP TRIGGER invoice_guard ON billing_invoice;
DROP TRIGGER invoiceseries_guard ON billing_invoiceseries;
DROP FUNCTION credit_note_guard, invoice_part_guard, invoice_guard, invoice_series_guard;
ALTER TABLE billing_invoiceseries
    DROP CONSTRAINT invoiceseries_credit_note_head, DROP CONSTRAINT invoiceseries_invoice_head,
    DROP COLUMN last_credit_note, DROP COLUMN last_invoice;
ALTER TABLE billing_creditnote DROP CONSTRAINT creditnote_number_chain, DROP COLUMN prev_no;
ALTER TABLE billing_invoice DROP CONSTRAINT invoice_number_chain, DROP COLUMN prev_no;
