"""The function behind every status trail, and the trails of accounts and subscriptions."""

from django.db import migrations

CREATE = """
CREATE FUNCTION record_status_change() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public SET igny8.maintenance = 'on' AS $$
BEGIN
    INSERT INTO igny8_auth_statuschange (account_id, label, row_id, source, target, actor, reason,
                                         changed_at, created_at, updated_at)
    VALUES (CASE WHEN TG_TABLE_NAME = 'igny8_auth_account' THEN NEW.id
                 ELSE (to_jsonb(NEW) ->> 'account_id')::bigint END,
            TG_ARGV[0], NEW.id, OLD.status, NEW.status,
            coalesce(current_setting('igny8.actor', true), ''),
            coalesce(current_setting('igny8.reason', true), ''), now(), now(), now());
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION record_status_change() FROM PUBLIC;
CREATE FUNCTION status_trail_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Anybody can set a parameter: what it allows depends on the login as well.
    IF TG_OP = 'TRUNCATE' AND current_setting('ledger.allow_truncate', true) = 'on'
       AND (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' AND current_user = 'igny8_owner'
       AND current_setting('igny8.maintenance', true) = 'on' THEN
        RETURN OLD;  -- retention and the removal of an account, by the owner
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON igny8_auth_statuschange
    FOR EACH ROW EXECUTE FUNCTION status_trail_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON igny8_auth_statuschange
    FOR EACH STATEMENT EXECUTE FUNCTION status_trail_append_only();
"""
DROP = """
DROP TRIGGER no_truncate ON igny8_auth_statuschange;
DROP TRIGGER append_only ON igny8_auth_statuschange;
DROP FUNCTION status_trail_append_only();
DROP FUNCTION record_status_change();
"""


class Migration(migrations.Migration):
    dependencies = [("igny8_auth", "0003_statuschange")]
    operations = [migrations.RunSQL(CREATE, DROP)]
