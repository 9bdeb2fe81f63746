"""The function that a request with an API key starts with: one question before any block is open."""

from django.db import migrations

CREATE = """
CREATE FUNCTION api_key_of(p_account bigint, p_prefix text, p_hash text) RETURNS TABLE (
    id bigint, scope text, is_right boolean, expires_at timestamptz, revoked_at timestamptz,
    last_used_at timestamptz, account_status text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
SET igny8.maintenance = 'on' AS $$
    SELECT k.id, k.scope::text, k.secret_hash = p_hash, k.expires_at, k.revoked_at, k.last_used_at,
           a.status::text
      FROM igny8_auth_apikey k JOIN igny8_auth_account a ON a.id = k.account_id
     WHERE k.account_id = p_account AND k.prefix = p_prefix
$$;
REVOKE EXECUTE ON FUNCTION api_key_of(bigint, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION api_key_of(bigint, text, text) TO igny8_app;
"""


class Migration(migrations.Migration):
    dependencies = [("igny8_auth", "0013_subscription_one_running")]
    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION api_key_of(bigint, text, text)")]
