"""Each rule refuses what it is for, and lets its nearest neighbour pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from lint_domain import RULES, check

REFUSED = {
    "sizes": ("common/x.py", "def f() -> None:\n" + "    pass\n" * 61),
    "module_names": ("business/billing/helpers.py", "x = 1\n"),
    "status_writers": ("business/billing/services/x.py", "row.status = 'paid'\n"),
    "entry_points": ("web/views/x.py", "rows = Site.objects\n"),
    "signals": ("auth/x.py", "from django.db.models.signals import post_save\n"),
    "database_roles": ("auth/x.py", "rows = Site.unscoped.using('owner')\n"),
    "transport": ("business/billing/services/x.py", "task.delay(1)\n"),
    "ordering": ("auth/models.py", "class A:\n    class Meta:\n        ordering = ['id']\n"),
    "environment": ("auth/x.py", "import os\nx = os.environ['A']\n"),
    "http": ("business/content/services/x.py", "import httpx\n"),
}
ACCEPTED = {
    "sizes": ("common/x.py", "def f() -> None:\n" + "    pass\n" * 59),
    "module_names": ("business/billing/services/helpers.py", "x = 1\n"),
    "status_writers": ("common/states.py", "row.status = 'paid'\n"),
    "entry_points": ("business/billing/services/x.py", "rows = Site.objects\n"),
    "signals": ("celery_app.py", "from celery.signals import worker_ready\n"),
    "database_roles": ("common/tenancy/x.py", "rows = Site.unscoped.using('owner')\n"),
    "transport": ("common/queue.py", "task.apply_async()\n"),
    "ordering": ("auth/models.py", "class A:\n    class Meta:\n        indexes = ['id']\n"),
    "environment": ("cli/x.py", "import os\nx = os.environ['A']\n"),
    "http": ("clients/x.py", "import httpx\n"),
}
FURTHER = [
    ("auth/x.py", "rows.filter(pk=1).update(status='x')\n", "status_writers"),
    ("web/views/x.py", "row.save()\n", "entry_points"),
    ("business/content/tasks.py", "Thing.create(a=1)\n", "entry_points"),
    (
        "auth/x.py",
        "c.execute(\"SELECT set_config('igny8.account_id', %s, false)\")\n",
        "database_roles",
    ),
    ("auth/x.py", "c.execute('SET igny8.account_id = 1')\n", "database_roles"),
    ("auth/x.py", "c = connections['admin']\n", "database_roles"),
    ("cli/x.py", "from igny8_core.business.content.tasks import run\n", "transport"),
    ("auth/x.py", "from celery import chord\n", "transport"),
]


def test_every_rule_has_an_example_of_both_kinds() -> None:
    assert set(REFUSED) == set(ACCEPTED) == set(RULES)


@pytest.mark.parametrize("rule", REFUSED)
def test_refused(rule: str) -> None:
    assert [line for line in check(*REFUSED[rule]) if line.endswith(f"({rule})")]


@pytest.mark.parametrize("rule", ACCEPTED)
def test_accepted(rule: str) -> None:
    assert check(*ACCEPTED[rule]) == []


@pytest.mark.parametrize(("path", "text", "rule"), FURTHER)
def test_further_refusals(path: str, text: str, rule: str) -> None:
    assert [line for line in check(path, text) if line.endswith(f"({rule})")]


def test_the_line_is_named() -> None:
    assert check("auth/x.py", "\n\nrow.status = 1\n") == [
        "auth/x.py:3: a status is written by common.states.advance alone (status_writers)"
    ]
