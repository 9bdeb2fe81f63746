"""Accounts of a person with their status; the sites of a closed account are found no more."""

from django.db import migrations

SHAPE = """
DROP FUNCTION memberships_of(bigint);
CREATE FUNCTION memberships_of(p_user bigint) RETURNS TABLE (account_id bigint, role text{column})
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
SET igny8.maintenance = 'on' AS $$
    SELECT m.account_id, m.role::text{value} FROM igny8_auth_membership m
      JOIN igny8_auth_account a ON a.id = m.account_id
     WHERE m.user_id = p_user{condition} ORDER BY m.account_id
$$;
REVOKE EXECUTE ON FUNCTION memberships_of(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memberships_of(bigint) TO igny8_app;
CREATE OR REPLACE FUNCTION account_of_site(p_site bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
SET igny8.maintenance = 'on' AS $$
    SELECT s.account_id FROM igny8_auth_site s{join} WHERE s.id = p_site
$$;
"""
JOIN = " JOIN igny8_auth_account a ON a.id = s.account_id AND a.status <> 'closed'"
FORWARDS = SHAPE.format(
    column=", status text", value=", a.status::text", condition="", join=JOIN
)
BACKWARDS = SHAPE.format(column="", value="", condition=" AND a.status <> 'closed'", join="")


class Migration(migrations.Migration):
    dependencies = [("igny8_auth", "0011_identity")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
