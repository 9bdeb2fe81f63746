"""The operators' raw tables: every page opens, shows whose rows they are, and never a secret."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.sessions.models import Session
from django.db import IntegrityError, connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from igny8_core.auth.models import Account, Plan, User
from igny8_core.business.planning.models import Keywords
from igny8_core.common.tenancy.admin import HIDDEN_FIELDS, CappedPaginator, StaffModelAdmin
from igny8_core.common.tenancy.constraints import STAFF_ROLE
from tests import make
from tests.common.isolation import make_row, privileges, tenant_models
from tests.make import planning
from tests.routes.world import CANARY, MINE, OPERATOR, THEIRS, World, make_world

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])

MARKER = "secret-marker"
PAGES: dict[Any, StaffModelAdmin] = admin.site._registry  # type: ignore[assignment]  # OperatorsSite's
MODELS = sorted(PAGES, key=lambda model: model._meta.label)
NAMES = [model._meta.label for model in MODELS]

NOT_SHOWN = {
    "ai.AiPicture": "pictures of calls whose work was not stored",
    "content.ContentAttribute": "a customer's facts; not open to the staff role",
    "content.ContentClusterMap": "links of rows; not open to the staff role",
    "content.ContentComment": "what people say of articles; not open to the staff role",
    "content.ContentFingerprint": "what near-duplicates are told by",
    "content.SerpSample": "what pages of others say; not open to the staff role",
    "content.ContentVerdict": "what gates said of articles; not open to the staff role",
    "content.ContentScore": "parts of customers' texts; not open to the staff role",
    "content.ContentTaxonomy": "a customer's categories; not open to the staff role",
    "content.ContentTaxonomyLink": "links of rows; not open to the staff role",
    "content.ContentVersion": "what customers wrote; not open to the staff role",
    "igny8_auth.IdempotentRequest": "answers that customers got, whatever they hold",
    "integration.ConnectRequest": "open ways to connect a site; not open to the staff role",
    "integration.ContentImportIssue": "lines of customers' files; not open to the staff role",
    "planning.ClusterBuild": "what clustering remembers between runs",
    "planning.ClusterChange": "parts of proposals; not open to the staff role",
    "planning.ContentIdeaKeyword": "links of rows; not open to the staff role",
    "planning.KeywordImportChange": "what undoing an import needs; not open to the staff role",
    "planning.KeywordImportIssue": "lines of customers' files; not open to the staff role",
    "planning.KeywordMapping": "columns that customers chose; not open to the staff role",
    "planning.SavedView": "lists as people like to see them; not open to the staff role",
}
"""Tenant models without a page, and why. May only shrink, or grow with a reason."""

SECRETS: dict[str, dict[str, Any]] = {
    "igny8_auth.ApiKey": {"secret_hash": MARKER},
    "igny8_auth.IdempotentRequest": {"body": {"key": MARKER}},
    "igny8_auth.Invitation": {"token_hash": MARKER},
    "igny8_auth.User": {"password": MARKER},
    "integration.SiteIntegration": {
        "credentials": {"sealed": MARKER},
        "webhook_secrets": {"sealed": MARKER},
    },
    "ai.AiCall": {"status": "succeeded", "answer": {"text": MARKER}, "ended_at": planning.NOW},
    "ai.ProviderSetting": {"sealed_key": MARKER},
    "billing.ReservationResult": {"payload": {"text": MARKER}},
    "mfa.Authenticator": {"data": {"secret": MARKER}},
    "sessions.Session": {"session_data": MARKER},
    "usersessions.UserSession": {"session_key": MARKER},
}
"""What must not show, by model: secrets, their hashes, raw answers, sessions."""


VALUES: dict[str, dict[str, Any]] = {
    "billing.CreditCostConfig": {
        "operation_type": "clustering",
        "unit": "per_request",
        "credits_per_unit": 1,
        "active_from": planning.NOW,
        "display_name": "Clustering",
    },
    "automation.PeriodicJob": {"name": "sweep", "next_run_at": planning.NOW},
    "automation.WorkClass": {"name": "control"},
    "automation.WorkerNode": {
        "node_name": "n",
        "host": "h",
        "pid": 1,
        "slots": 1,
        "work_classes": ["control"],
        "started_at": planning.NOW,
        "heartbeat_at": planning.NOW,
    },
}
"""Rows that the factory cannot make."""


@pytest.fixture
def world() -> World:
    for alias in ("default", "owner", "admin"):  # a walk leaves one alone for longer than requests
        with connections[alias].cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    return make_world()


@pytest.fixture
def operator(world: World) -> Client:
    return world.caller(OPERATOR)


def row_of(model: Any, world: World) -> Any:
    """A row of any model: the account's own, or one of no account."""
    found = world.mine.get(model) or model._base_manager.first()
    if found is None and model._meta.label in VALUES:
        return model._base_manager.create(**VALUES[model._meta.label])
    return found or make_row(model, MINE, {})


def list_of(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row: Any) -> str:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return reverse(name, args=[row.pk])


def test_every_list_and_every_row_opens(world: World, operator: Client) -> None:
    wrong = {}

    for model in MODELS:
        addresses = [list_of(model), f"{list_of(model)}?q=1", page_of(row_of(model, world))]
        for address in addresses:
            if (answer := operator.get(address)).status_code != 200:
                wrong[address] = answer.status_code

    assert wrong == {}


def test_no_page_shows_a_secret(world: World, operator: Client) -> None:
    person = make.member(world.account)
    Client().post("/sign-in/", {"username": person.email, "password": "pw"})
    Authenticator.objects.create(user=person, type="totp", data={})
    for label, values in SECRETS.items():
        assert_planted(label, values)

    shown = []
    for model in MODELS:
        pages = [list_of(model), page_of(row_of(model, world))]
        if any(MARKER in operator.get(page).content.decode() for page in pages):
            shown.append(model._meta.label)

    assert shown == []


def assert_planted(label: str, values: dict[str, Any]) -> None:
    """The marker is there to be found, in a row that the pages show."""
    models: dict[str, Any] = {
        "mfa.Authenticator": Authenticator,
        "sessions.Session": Session,
        "usersessions.UserSession": UserSession,
    }
    from django.apps import apps

    model = models.get(label) or apps.get_model(label)
    if label in {"sessions.Session", "usersessions.UserSession"}:
        first = model._base_manager.order_by("pk").first()
        assert model._base_manager.filter(pk=first.pk).update(**values) == 1
        return
    rows = model._base_manager.exclude(is_superuser=True) if label == "igny8_auth.User" else None
    assert (rows or model._base_manager).update(**values) >= 1


def test_no_page_has_a_hidden_column(rf: Any) -> None:
    request = rf.get("/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    shown = {
        model._meta.label: {str(name) for name in page.get_list_display(request)}
        | {name for name, _ in _fields(page, request)}
        for model, page in PAGES.items()
    }

    assert {label for label, names in shown.items() if names & HIDDEN_FIELDS} == set()
    assert all(shown.values())


def _fields(page: StaffModelAdmin, request: Any) -> Iterator[tuple[str, Any]]:
    for name, options in page.get_fieldsets(request):
        for field in options["fields"]:
            yield str(field), name


def test_lists_take_the_same_queries_whatever_the_rows(world: World, operator: Client) -> None:
    insertable = [
        model
        for model in MODELS
        if model in tenant_models() and model is not Account and "INSERT" in privileges(model)
    ]

    def queries() -> dict[str, int]:
        found = {}
        for model in [*insertable, Account]:
            with CaptureQueriesContext(connection) as captured:
                operator.get(list_of(model))
            found[model._meta.label] = len(captured)
        return found

    few = queries()
    for _ in range(3):
        made = {Account: world.mine[Account]}
        for model in insertable:
            with suppress(IntegrityError), transaction.atomic():  # one for an account, say
                make_row(model, MINE, made)
        make.account()
    many = queries()

    assert many == few
    assert max(many.values()) <= 12


@pytest.mark.parametrize("value", [str(MINE), "slug"])
def test_lists_narrow_to_one_account(value: str, world: World, operator: Client) -> None:
    wanted = world.account.slug if value == "slug" else value
    wrong = []

    for model in set(MODELS) & (set(tenant_models()) - {Account}):
        answer = operator.get(list_of(model), {"account": wanted, "o": "1"})
        ids = {getattr(row, "account_id", None) for row in answer.context["cl"].result_list}
        if answer.status_code != 200 or ids != {MINE} or CANARY in answer.content.decode():
            wrong.append((model.__name__, answer.status_code, ids))

    assert wrong == []


def test_a_filter_of_no_account_shows_nothing(operator: Client) -> None:
    for value in ("999", "nobody", "9" * 30):
        answer = operator.get(list_of(Keywords), {"account": value})
        assert (answer.status_code, len(answer.context["cl"].result_list)) == (200, 0)
    assert (
        'value="nobody"' in operator.get(list_of(Keywords), {"account": "nobody"}).content.decode()
    )


def test_lists_say_whose_rows_they_are(world: World, operator: Client) -> None:
    page = operator.get(list_of(Keywords)).content.decode()

    assert f"{MINE} · {world.account.name}" in page
    assert f"{THEIRS} · {Account.objects.get(pk=THEIRS).name}" in page


def test_rows_of_accounts_are_only_read(world: World, operator: Client) -> None:
    wrong = {}

    for model in [m for m in MODELS if m in tenant_models()]:
        row = world.mine[model]
        answers = [
            operator.post(page_of(row), {"name": "changed"}),
            operator.post(page_of(row).replace("/change/", "/delete/"), {"post": "yes"}),
            operator.post(f"{list_of(model)}add/", {"name": "new"}),
        ]
        selected = {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
        operator.post(list_of(model), selected)
        statuses = [answer.status_code for answer in answers]
        if statuses != [403] * 3 or not model._base_manager.filter(pk=row.pk).exists():
            wrong[model._meta.label] = statuses

    assert wrong == {}


def test_nothing_offers_rows_of_accounts_to_choose_from() -> None:
    editable = [model for model in MODELS if PAGES[model].is_editable]
    relations = {
        f"{model._meta.label}.{field.name}"
        for model in editable
        for field in [*model._meta.fields, *model._meta.many_to_many]
        if field.is_relation and field.related_model in tenant_models()
    }

    assert editable
    assert relations == set()


def test_every_tenant_model_has_a_page_or_a_reason() -> None:
    without = {model._meta.label for model in tenant_models()} - set(NAMES)

    assert without <= set(NOT_SHOWN)
    assert not set(NOT_SHOWN) & set(NAMES)
    assert all(NOT_SHOWN.values())


def test_pages_of_other_packages_are_not_shown() -> None:
    assert all(isinstance(page, StaffModelAdmin) for page in PAGES.values())
    assert not set(NAMES) & {"mfa.Authenticator", "usersessions.UserSession", "sessions.Session"}


def test_the_staff_role_may_read_what_pages_show(rf: Any) -> None:
    request = rf.get("/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    tables = {model._meta.db_table for model in MODELS}
    for model, page in PAGES.items():
        shown = {name for name, _ in _fields(page, request)}
        relations = [f for f in model._meta.fields if f.is_relation and f.name in shown]
        tables |= {field.related_model._meta.db_table for field in relations}

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t FROM unnest(%s::text[]) AS t WHERE NOT has_table_privilege(%s, t, 'SELECT')",
            [sorted(tables), STAFF_ROLE],
        )
        assert cursor.fetchall() == []


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_pages_open_for_the_staff_roles_own_login(settings: Any) -> None:
    """Here the rows are committed and read by ``igny8_admin`` itself, as in production."""
    with transaction.atomic():
        world = make_world()
        rows = {model: row_of(model, world) for model in MODELS}
    operator = world.caller(OPERATOR)
    settings.TENANCY_STAFF_ALIAS = "admin"

    wrong = {}
    for model in MODELS:
        for page in (list_of(model), page_of(rows[model])):
            answer = operator.get(page)
            if answer.status_code != 200:
                wrong[page] = answer.status_code

    assert wrong == {}


@pytest.fixture
def committed_operator() -> Client:
    """The admin's log is written by the staff role's own login, which sees what is committed."""
    client = Client()
    client.force_login(make.user(is_staff=True, is_superuser=True))
    return client


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_reference_data_is_edited(committed_operator: Client) -> None:
    operator = committed_operator
    plan = Plan.objects.create(code="p", name="P")
    form = operator.get(page_of(plan)).context["adminform"].form
    values = {k: v for k, v in form.initial.items() if v is not None}

    answer = operator.post(page_of(plan), values | {"max_sites": 7})

    assert answer.status_code == 302
    assert Plan.objects.get(code="p").max_sites == 7


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_a_superuser_shuts_a_person_out_and_changes_nothing_else(
    committed_operator: Client,
) -> None:
    operator = committed_operator
    person = make.user(name="Eve")
    staff = make.user(is_staff=True)
    client = Client()
    client.force_login(staff)

    refused = client.post(page_of(person), {"is_active": ""})
    page = operator.get(page_of(person)).content.decode()
    done = operator.post(page_of(person), {"email": "x@example.com", "is_superuser": "on"})

    person.refresh_from_db()
    assert refused.status_code == 403
    assert 'name="is_active"' in page
    assert 'name="email"' not in page
    assert done.status_code == 302
    assert (person.is_active, person.is_superuser, person.name) == (False, False, "Eve")


def test_lists_count_no_further_than_one_would_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("igny8_core.common.tenancy.admin.COUNTED_ROWS", 3)
    for _ in range(5):
        make.user()

    assert CappedPaginator(User.objects.order_by("pk"), 2).count == 3
