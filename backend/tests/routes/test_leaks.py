"""With one layer of isolation taken away, the others still show nothing of another account."""

from __future__ import annotations

import inspect
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction

from igny8_core.celery_app import app
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant
from igny8_core.common.tenancy.managers import TenantManager
from tests.common.isolation import privileges, tenant_models
from tests.routes.addresses import api_routes, web_routes
from tests.routes.permissions import API, WEB
from tests.routes.test_matrix import ask, fingerprints, open_page, values_for
from tests.routes.world import CANARY, MINE, World, make_world

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

app.loader.import_default_modules()
TASKS = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}

WITHOUT_ACCOUNT = {
    "automation.dispatch": "hands out slots between accounts as the staff role; shows no row",
    "automation.run_periodic": "names a job, which lists rows as the staff role and works on each"
    " account in a block of its own",
    "billing.handle_webhooks": "takes webhooks, of which nobody knows the account yet; each payment"
    " is worked on in its account's block",
}
"""Tasks that no account is named for, and why."""

ACCOUNT_ALONE = {"billing.deliver_documents"}
"""Tasks that name an account and no row of it: there is nothing of another one to name."""


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def _no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The managers forget whose rows are wanted."""
    everything = models.Manager.get_queryset
    monkeypatch.setattr(TenantManager, "get_queryset", everything)
    monkeypatch.setattr(TenantManager, "for_account", lambda self, _account: everything(self))


def requests() -> Iterator[tuple[str, Any, Any]]:
    """(method, route, opener) of every address."""
    for route in api_routes():
        for method in API[route.path]:
            yield method, route, ask
    for route in web_routes():
        for method in WEB[route.path]:
            yield method, route, open_page


@pytest.mark.usefixtures("_no_filter")
def test_without_the_managers_filter_no_answer_shows_another_account(world: World) -> None:
    client, leaks = world.caller("owner"), []
    before = fingerprints(world)

    for method, route, opener in requests():
        for rows in (world.mine, world.theirs):
            values = values_for(route, rows) | values_for_account(route)
            answer = opener(client, method, route, values)
            if CANARY in answer.content.decode(errors="replace"):
                leaks.append(f"{method} {route.path}")

    assert leaks == []
    assert fingerprints(world) == before


def values_for_account(route: Any) -> dict[str, int]:
    return {"account_id": MINE} if "account_id" in route.parameters else {}


def test_raw_sql_of_the_runtime_role_shows_no_other_account(world: World) -> None:
    readable = [m for m in tenant_models() if "SELECT" in privileges(m)]

    with tenant(MINE), connection.cursor() as cursor:
        texts = {}
        for model in readable:
            cursor.execute(f'SELECT t::text FROM "{model._meta.db_table}" t')
            texts[model] = " ".join(row[0] for row in cursor.fetchall())

    assert [m.__name__ for m, text in texts.items() if not text] == []
    assert [m.__name__ for m, text in texts.items() if CANARY in text] == []


def test_every_task_names_its_account() -> None:
    parameters = {name: inspect.signature(task.run).parameters for name, task in TASKS.items()}
    nameless = {name for name, found in parameters.items() if "account_id" not in found}

    assert nameless == set(WITHOUT_ACCOUNT)


@pytest.mark.parametrize("name", sorted(set(TASKS) - set(WITHOUT_ACCOUNT)))
def test_a_task_of_one_account_does_not_touch_a_row_of_another(name: str, world: World) -> None:
    run = TASKS[name].run
    before = fingerprints(world)
    foreign = {
        "delivery_id": world.theirs[apps.get_model("automation.WebhookDelivery")].pk,
        "import_id": world.theirs[apps.get_model("planning.KeywordImport")].pk,
        "page_import_id": world.theirs[apps.get_model("integration.ContentImport")].pk,
        "item_id": world.theirs[apps.get_model("automation.WorkItem")].pk,
        "run_id": world.theirs[apps.get_model("automation.AutomationRun")].pk,
        "integration_id": world.theirs[apps.get_model("integration.SiteIntegration")].pk,
        "record_id": world.theirs[apps.get_model("publishing.PublishingRecord")].pk,
        "webhook_id": world.theirs[apps.get_model("integration.InboundWebhook")].pk,
    }
    wanted = set(inspect.signature(run).parameters) & set(foreign)

    with suppress(NotFound):
        run(account_id=MINE, **{key: foreign[key] for key in wanted})

    assert wanted or name in ACCOUNT_ALONE
    assert fingerprints(world) == before


def test_no_log_line_shows_another_accounts_row(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    client = world.caller("owner")
    caplog.set_level(logging.DEBUG)

    for method, route, opener in requests():
        values = values_for(route, world.theirs) | values_for_account(route)
        opener(client, method, route, values)
    with tenant(MINE):
        for model in tenant_models():
            _try_to_take_over(world.theirs[model])

    lines = [record.getMessage() + str(record.exc_text or "") for record in caplog.records]
    assert lines
    assert [line for line in lines if CANARY in line] == []


def _try_to_take_over(row: Any) -> None:
    """Insert a copy of somebody else's row, and log the refusal with its traceback."""
    row.pk = None
    try:
        with transaction.atomic():
            models.Model.save(row, force_insert=True)
    except (DatabaseError, ValueError):
        logging.getLogger("igny8_core.test").exception("refused")
