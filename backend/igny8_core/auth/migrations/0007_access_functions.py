"""Who finds an invitation, who ends an impersonation, and e-mail addresses of the people there are."""

from django.db import migrations

CREATE = """
CREATE FUNCTION invitation_account(p_token_hash text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
SET igny8.maintenance = 'on' AS $$
    SELECT i.account_id FROM igny8_auth_invitation i WHERE i.token_hash = p_token_hash
     ORDER BY i.id DESC LIMIT 1
$$;
CREATE FUNCTION end_impersonation(p_id bigint, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
SET igny8.maintenance = 'on' AS $$
BEGIN
    UPDATE igny8_auth_impersonation SET ended_at = p_now, updated_at = p_now
     WHERE id = p_id AND account_id = current_setting('igny8.account_id')::bigint
       AND ended_at IS NULL;
    RETURN FOUND;
END $$;
REVOKE EXECUTE ON FUNCTION invitation_account(text), end_impersonation(bigint, timestamptz)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invitation_account(text), end_impersonation(bigint, timestamptz)
    TO igny8_app;
CREATE FUNCTION impersonation_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Anybody can set a parameter: what it allows depends on the login as well.
    IF TG_OP = 'TRUNCATE' AND current_setting('ledger.allow_truncate', true) = 'on'
       AND (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN  -- the end, once, and nothing else
        IF OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL
           AND (to_jsonb(NEW) - 'ended_at' - 'updated_at')
             = (to_jsonb(OLD) - 'ended_at' - 'updated_at') THEN
            RETURN NEW;
        END IF;
    END IF;
    IF TG_OP = 'DELETE' AND current_user = 'igny8_owner'
       AND current_setting('igny8.maintenance', true) = 'on' THEN
        RETURN OLD;  -- the removal of an account, by the owner
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON igny8_auth_impersonation
    FOR EACH ROW EXECUTE FUNCTION impersonation_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON igny8_auth_impersonation
    FOR EACH STATEMENT EXECUTE FUNCTION impersonation_append_only();
"""
DROP = """
DROP TRIGGER no_truncate ON igny8_auth_impersonation;
DROP TRIGGER append_only ON igny8_auth_impersonation;
DROP FUNCTION impersonation_append_only();
DROP FUNCTION end_impersonation(bigint, timestamptz);
DROP FUNCTION invitation_account(text);
"""
# Everybody there is was made by an operator, who vouched for the address.
BACKFILL = """
INSERT INTO account_emailaddress (user_id, email, verified, "primary")
SELECT u.id, lower(u.email), true, true FROM igny8_auth_user u
 WHERE NOT EXISTS (SELECT FROM account_emailaddress e WHERE e.user_id = u.id);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("igny8_auth", "0006_access"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]
    operations = [
        migrations.RunSQL(CREATE, DROP),
        migrations.RunSQL(BACKFILL, migrations.RunSQL.noop),
    ]
