"""Django's command, which refuses to run blind and gives the roles their privileges."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as DjangoCommand
from django.db import connections

from igny8_core.common.tenancy.autodetector import TenancyAutodetector
from igny8_core.common.tenancy.catalog import apply_global_privileges
from igny8_core.common.tenancy.migration_state import constraints_added_in_place


class Command(DjangoCommand):
    """Migrate as the owner, who must see rows: a blind one validates foreign keys on nothing."""

    autodetector = TenancyAutodetector

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        using = options["database"]
        if using != "owner":
            raise CommandError("only the owner migrates: --database=owner")
        with connections[using].cursor() as cursor:
            cursor.execute(
                "SELECT rolsuper OR rolbypassrls"
                " OR coalesce(current_setting('igny8.maintenance', true), '') = 'on'"
                " FROM pg_roles WHERE rolname = current_user"
            )
            if not cursor.fetchone()[0]:
                raise CommandError("the owner is blind: igny8.maintenance is not on")
        with constraints_added_in_place():
            super().handle(*args, **options)
        apply_global_privileges(using)
