"""Room for updates in place: an item changes about six times in its life."""

from django.db import migrations

FORWARD = """
ALTER TABLE automation_workitem SET (
    fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05
);
ALTER TABLE automation_workclass SET (fillfactor = 50);
ALTER TABLE automation_workernode SET (fillfactor = 50);
ALTER TABLE automation_periodicjob SET (fillfactor = 50);
"""
BACKWARD = """
ALTER TABLE automation_workitem RESET (
    fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor
);
ALTER TABLE automation_workclass RESET (fillfactor);
ALTER TABLE automation_workernode RESET (fillfactor);
ALTER TABLE automation_periodicjob RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("automation", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
