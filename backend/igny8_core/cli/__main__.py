"""``python -m igny8_core.cli`` is the command ``igny8``."""

from igny8_core.cli.main import main

main()
