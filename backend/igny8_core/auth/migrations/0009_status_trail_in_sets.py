"""The function behind the status trails of rows that move in sets."""

from django.db import migrations

CREATE = """
CREATE FUNCTION record_status_changes() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public SET igny8.maintenance = 'on' AS $$
BEGIN
    INSERT INTO igny8_auth_statuschange (account_id, label, row_id, source, target, actor, reason,
                                         changed_at, created_at, updated_at)
    SELECT n.account_id, TG_ARGV[0], n.id, o.status, n.status,
           coalesce(current_setting('igny8.actor', true), ''),
           coalesce(current_setting('igny8.reason', true), ''), now(), now(), now()
      FROM old_rows o JOIN new_rows n ON n.id = o.id AND n.status <> o.status
     ORDER BY n.id;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION record_status_changes() FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("igny8_auth", "0008_idempotent_requests")]
    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION record_status_changes()")]
