"""Makes the template of every test database: ``python -m tests.plugins.template``."""

from __future__ import annotations

import django

from tests.plugins.engines import make_template

if __name__ == "__main__":
    django.setup()
    make_template()
