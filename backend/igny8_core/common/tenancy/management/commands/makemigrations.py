"""Django's command with the order of operations that composite keys need."""

from django.core.management.commands.makemigrations import Command as DjangoCommand

from igny8_core.common.tenancy.autodetector import TenancyAutodetector


class Command(DjangoCommand):
    """Write migrations."""

    autodetector = TenancyAutodetector
