"""The trail names the column that changed: some models have another lifecycle besides `status`."""

from django.db import migrations, models

OF_ANY_FIELD = """
CREATE OR REPLACE FUNCTION record_status_change() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public SET igny8.maintenance = 'on' AS $$
DECLARE
    field_ text := coalesce(TG_ARGV[1], 'status');
BEGIN
    INSERT INTO igny8_auth_statuschange (account_id, label, row_id, field, source, target, actor,
                                         reason, changed_at, created_at, updated_at)
    VALUES (CASE WHEN TG_TABLE_NAME = 'igny8_auth_account' THEN NEW.id
                 ELSE (to_jsonb(NEW) ->> 'account_id')::bigint END,
            TG_ARGV[0], NEW.id, field_, to_jsonb(OLD) ->> field_, to_jsonb(NEW) ->> field_,
            coalesce(current_setting('igny8.actor', true), ''),
            coalesce(current_setting('igny8.reason', true), ''), now(), now(), now());
    RETURN NULL;
END $$;
"""
OF_STATUS = """
CREATE OR REPLACE FUNCTION record_status_change() RETURNS trigger LANGUAGE plpgsql
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
"""


class Migration(migrations.Migration):
    dependencies = [("igny8_auth", "0009_status_trail_in_sets")]

    operations = [
        migrations.AddField(
            model_name="statuschange",
            name="field",
            field=models.CharField(
                db_default="status", help_text="The lifecycle's column.", max_length=32
            ),
        ),
        migrations.RunSQL(OF_ANY_FIELD, OF_STATUS),
    ]
