"""``igny8 manage``: Django's own commands."""

from __future__ import annotations

import sys

import click

from igny8_core.cli.django_setup import setup_django


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def manage(arguments: tuple[str, ...]) -> None:
    """Run a Django command, for example `igny8 manage migrate`."""
    setup_django()
    from django.core.management import execute_from_command_line

    sys.argv = ["igny8 manage", *arguments]
    execute_from_command_line(["igny8 manage", *arguments])
