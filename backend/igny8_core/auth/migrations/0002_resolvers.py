"""Functions that find an account before one is known; each returns ids and roles only."""

from django.db import migrations

CREATE = """
CREATE FUNCTION memberships_of(p_user bigint) RETURNS TABLE (account_id bigint, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
SET igny8.maintenance = 'on' AS $$
    SELECT m.account_id, m.role::text FROM igny8_auth_membership m
      JOIN igny8_auth_account a ON a.id = m.account_id
     WHERE m.user_id = p_user AND a.status <> 'closed' ORDER BY m.account_id
$$;
CREATE FUNCTION account_of_site(p_site bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
SET igny8.maintenance = 'on' AS $$
    SELECT s.account_id FROM igny8_auth_site s WHERE s.id = p_site
$$;
REVOKE EXECUTE ON FUNCTION memberships_of(bigint), account_of_site(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memberships_of(bigint), account_of_site(bigint) TO igny8_app;
"""
DROP = "DROP FUNCTION memberships_of(bigint); DROP FUNCTION account_of_site(bigint);"


class Migration(migrations.Migration):
    dependencies = [("igny8_auth", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
