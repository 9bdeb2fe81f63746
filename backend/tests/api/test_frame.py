"""What every endpoint does alike: filters, idempotency keys, refusals of the database."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework import serializers
from rest_framework.test import APIRequestFactory

from igny8_core.api.bodies import Body
from igny8_core.api.errors import exception_handler
from igny8_core.api.v1.base import _request_fingerprint
from igny8_core.auth import selectors, services
from igny8_core.auth.access import repeats
from igny8_core.auth.models import Account, IdempotentRequest, Site
from igny8_core.auth.states import Role
from tests import make
from tests.api.callers import client_of

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

BODY = {"name": "Shop", "industry": "pets", "sectors": ["dogs"]}


def post_site(client: Client, account: Any, body: dict[str, Any], key: str | None) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(
        f"/api/v1/accounts/{account.pk}/sites/",
        body,
        content_type="application/json",
        headers=headers,
    )


@pytest.mark.parametrize("name", ["stauts", "site_id", "deleted"])
def test_an_unknown_filter_is_refused(name: str) -> None:
    site = make.site(make.account())

    answer = client_of(site.account, Role.VIEWER).get(
        f"/api/v1/accounts/{site.account_id}/sites/", {name: "x"}
    )

    assert answer.status_code == 422
    assert answer.json()["errors"] == {name: ["There is no such filter."]}


def test_a_filter_by_row_takes_rows_of_the_account_only() -> None:
    site, other = make.site(account := make.account()), make.site(account)
    theirs = make.site(make.account())
    mine = make.sector(site)
    make.sector(other)
    client, url = client_of(account, Role.VIEWER), f"/api/v1/accounts/{account.pk}/sectors/"

    found = client.get(url, {"site": site.pk})
    foreign = client.get(url, {"site": theirs.pk})
    unknown = client.get(url, {"site": 2**63 - 1})
    bad = client.get(url, {"site": "1.5"})

    assert [row["id"] for row in found.json()["results"]] == [mine.pk]
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert str(theirs.pk) not in foreign.json()["detail"]
    assert (bad.status_code, list(bad.json()["errors"])) == (422, ["site"])


def test_a_repeat_with_the_same_key_gets_the_first_answer() -> None:
    services.load_reference_data()
    account = make.account()
    client = client_of(account, Role.ADMIN)

    first = post_site(client, account, BODY, "k-1")
    again = post_site(client, account, BODY, "k-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert (again["Idempotent-Replayed"], "Idempotent-Replayed" in first) == ("true", False)
    assert Site.unscoped.filter(account=account).count() == 1


def test_a_key_is_of_one_request_and_one_account() -> None:
    services.load_reference_data()
    account, other = make.account(), make.account()
    client = client_of(account, Role.ADMIN)
    post_site(client, account, BODY, "k-1")

    changed = post_site(client, account, BODY | {"name": "Other"}, "k-1")
    elsewhere = post_site(client_of(other, Role.ADMIN), other, BODY, "k-1")

    assert (changed.status_code, changed.json()["code"]) == (409, "idempotency_conflict")
    assert elsewhere.status_code == 201
    assert Site.unscoped.filter(account=account).count() == 1


def test_a_refused_request_leaves_its_key_free() -> None:
    services.load_reference_data()
    account = make.account()
    client = client_of(account, Role.ADMIN)

    refused = post_site(client, account, BODY | {"industry": "nowhere"}, "k-1")
    made = post_site(client, account, BODY, "k-1")

    assert (refused.status_code, made.status_code) == (422, 201)


@pytest.mark.parametrize("key", ["", "with space", "ü", "x" * 49, "tab\t"])
def test_a_malformed_key_is_explained(key: str) -> None:
    account = make.account()

    answer = post_site(client_of(account, Role.ADMIN), account, BODY, key)

    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["idempotency_key"]


def test_answers_are_forgotten_after_a_day() -> None:
    account = make.account()
    repeats.first_answer(account=account, key="old", fingerprint="f")
    now = timezone.now()

    early = repeats.prune_answers(now=now + timedelta(hours=23))
    late = repeats.prune_answers(now=now + timedelta(hours=25))

    assert (early, late, IdempotentRequest.unscoped.count()) == (0, 1, 0)


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_of_two_requests_at_once_one_does_the_work() -> None:
    services.load_reference_data()
    account = make.account()
    clients = [client_of(account, Role.ADMIN) for _ in range(4)]
    answers: list[Any] = []
    start = threading.Barrier(len(clients))

    def ask(client: Client) -> None:
        start.wait()
        answers.append(post_site(client, account, BODY, "k-1"))
        connection.close()

    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status_code for answer in answers] == [201] * len(clients)
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Site.unscoped.filter(account=account).count() == 1


def test_a_fingerprint_covers_the_bytes_of_files() -> None:
    def fingerprint(content: bytes) -> str:
        file = SimpleUploadedFile("k.csv", content)
        request: Any = APIRequestFactory().post("/x/", {"file": file, "a": "1"})
        request.data = request.POST.copy()
        request.data.setlist("file", [request.FILES["file"]])
        return _request_fingerprint(request)

    assert fingerprint(b"one") == fingerprint(b"one") != fingerprint(b"two")


def test_a_lost_race_for_a_unique_value_is_a_conflict_by_field() -> None:
    site = make.site(make.account(), slug="taken")

    try:
        make.site(site.account, slug="taken")
    except Exception as exc:  # noqa: BLE001 - whatever it is, the handler gets it
        answer = exception_handler(exc, {})

    assert answer is not None
    assert (answer.status_code, answer.data["code"]) == (409, "conflict")
    assert answer.data["errors"] == {"slug": ["Another row has the same slug."]}
    assert "taken" not in str(answer.data)


def test_a_cursor_is_of_one_list_and_knows_its_order() -> None:
    account = make.account()
    names = [make.sector(make.site(account)).slug for _ in range(3)]
    client, url = client_of(account, Role.VIEWER), f"/api/v1/accounts/{account.pk}"

    first = client.get(f"{url}/sectors/?order=-id&page_size=2").json()
    cursor = first["next_cursor"]
    second = client.get(f"{url}/sectors/", {"cursor": cursor}).json()
    other_order = client.get(f"{url}/sectors/", {"cursor": cursor, "order": "id"})
    other_list = client.get(f"{url}/sites/", {"cursor": cursor})

    assert [row["slug"] for row in first["results"] + second["results"]] == names[::-1]
    assert [answer.status_code for answer in (other_order, other_list)] == [422, 422]
    assert list(other_list.json()["errors"]) == ["cursor"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"[" * 100_000, 400, "parse_error"),
        (b'{"name": 1' + b"0" * 5_000 + b"}", 400, "parse_error"),
        (b'{"name": "\xff"}', 400, "parse_error"),
        (b'{"name": NaN}', 400, "parse_error"),
        (b'"' + b"x" * 3_000_000 + b'"', 413, "too_large"),
        (b"[]", 422, "invalid_input"),
        (b"", 422, "invalid_input"),
    ],
)
def test_an_odd_body_is_refused(body: bytes, status: int, code: str) -> None:
    account = make.account()
    url = f"/api/v1/accounts/{account.pk}/sites/"

    answer = client_of(account, Role.ADMIN).generic(
        "POST", url, body, content_type="application/json"
    )

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert json.loads(answer.content)["code"] == code


class Everything(Body):
    """A body with a field of each type."""

    text = serializers.CharField(max_length=3)
    whole = serializers.IntegerField(allow_null=True)
    number = serializers.FloatField()
    flag = serializers.BooleanField()
    word = serializers.ChoiceField(choices=["a", "b"])
    day = serializers.ChoiceField(choices=[(0, "Monday"), (1, "Tuesday")])
    texts = serializers.ListField(child=serializers.CharField())


RIGHT: dict[str, Any] = {
    "text": "5",
    "whole": 5.0,
    "number": 5,
    "flag": True,
    "word": "a",
    "day": 0,
    "texts": ["x"],
}


@pytest.mark.parametrize("changes", [{}, {"whole": None}])
def test_a_body_takes_values_of_its_types(changes: dict[str, Any]) -> None:
    form = Everything(data=RIGHT | changes)

    assert form.is_valid(), form.errors


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", 5),
        ("text", True),
        ("text", "5   "),  # as long as it was sent, not as what is left without blanks
        ("whole", "5"),
        ("whole", True),
        ("whole", 5.5),
        ("number", "5"),
        ("number", False),
        ("flag", "true"),
        ("flag", 1),
        ("word", 1),
        ("word", "c"),
        ("word", {}),
        ("day", "0"),
        ("day", True),
        ("texts", ["x", 5]),
        ("texts", "x"),
    ],
)
def test_a_body_does_not_take_what_only_reads_like_its_types(name: str, value: object) -> None:
    form = Everything(data=RIGHT | {name: value})

    assert not form.is_valid()
    assert list(form.errors) == [name]


def test_a_list_asks_who_is_there_and_for_its_rows() -> None:
    account = make.account()
    make.site(account)
    client = client_of(account, Role.VIEWER)

    with CaptureQueriesContext(connection) as seen:
        client.get(f"/api/v1/accounts/{account.pk}/sites/")

    statements = [query["sql"] for query in seen if query["sql"].startswith("SELECT")]
    tables = [
        sql.partition(" FROM ")[2].split()[0] for sql in statements if "set_config" not in sql
    ]
    assert [table.strip('"').partition("(")[0] for table in tables] == [
        "django_session",
        "igny8_auth_user",
        "memberships_of",
        "igny8_auth_site",
    ]


def test_an_account_is_loaded_when_more_than_its_key_is_asked() -> None:
    account = make.account(name="Anna")

    with CaptureQueriesContext(connection) as seen:
        known = selectors.known_account(account.pk)
        assert (known.pk, known.id, len(seen)) == (account.pk, account.pk, 0)
        assert (known.name, known == account, isinstance(known, Account)) == ("Anna", True, True)

    assert known.credits == 0


def test_a_format_parameter_is_an_unknown_filter() -> None:
    account = make.account()

    answer = client_of(account, Role.VIEWER).get(
        f"/api/v1/accounts/{account.pk}/sites/", {"format": "xml"}
    )

    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["format"])


def test_a_body_of_another_media_type_is_refused() -> None:
    account = make.account()

    answer = client_of(account, Role.ADMIN).post(f"/api/v1/accounts/{account.pk}/sites/", BODY)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def document() -> Any:
    """The OpenAPI document, as the server sends it."""
    accept = {"Accept": "application/vnd.oai.openapi+json"}
    return Client().get("/api/v1/schema/", headers=accept).json()


def test_the_document_says_where_an_answer_leads() -> None:
    paths = document()["paths"]
    sites = paths["/api/v1/accounts/{account_id}/sites/"]

    made = sites["post"]["responses"]["201"]["links"]["accounts_sites_retrieve"]
    listed = sites["get"]["responses"]["200"]["links"]

    assert made["parameters"] == {
        "id": "$response.body#/id",
        "account_id": "$request.path.account_id",
    }
    assert listed["accounts_sites_retrieve"]["parameters"]["id"] == "$response.body#/results/0/id"
    assert listed["next_page"]["parameters"]["cursor"] == "$response.body#/next_cursor"


def test_the_document_names_keys_only_where_they_open_something() -> None:
    paths = document()["paths"]

    assert paths["/api/v1/accounts/"]["get"]["security"] == [{"cookieAuth": []}]
    assert {"apiKey": []} in paths["/api/v1/accounts/{account_id}/sites/"]["get"]["security"]


def test_the_document_offers_repeats_where_an_answer_is_kept() -> None:
    paths = document()["paths"]
    place = "/api/v1/accounts/{account_id}"

    takes_key = {
        name: "Idempotency-Key"
        in [one["name"] for one in paths[f"{place}/{name}/"]["post"]["parameters"]]
        for name in ("sites", "api-keys", "webhook-endpoints")
    }

    assert takes_key == {"sites": True, "api-keys": False, "webhook-endpoints": False}


def test_an_unknown_address_of_the_api_is_a_problem_document() -> None:
    answer = Client().get("/api/v1/nothing/")

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("inner", ["[" * 400 + "]" * 400, '{"a":' * 400 + "1" + "}" * 400])
def test_a_body_that_is_nested_too_deeply_is_refused_whole(inner: str) -> None:
    account = make.account()
    client = client_of(account, Role.ADMIN)

    answer = client.post(
        f"/api/v1/accounts/{account.pk}/sites/",
        f'{{"name": {inner}}}',
        content_type="application/json",
        headers={"Idempotency-Key": "deep"},
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")
    assert not IdempotentRequest.unscoped.exists()


def test_a_site_at_rest_is_read_and_not_worked_on() -> None:
    sector = make.sector(make.site(make.account()))
    client = client_of(sector.account, Role.ADMIN)
    base = f"/api/v1/accounts/{sector.account_id}"
    services.set_site_active(account=sector.account, site_id=sector.site_id, is_active=False)

    read = client.get(f"{base}/keywords/?sector={sector.pk}")
    refused = client.post(
        f"{base}/keywords/",
        {"sector": sector.pk, "keyword": "grey sofa"},
        content_type="application/json",
    )
    woken = client.post(f"{base}/sites/{sector.site_id}/wake/")
    made = client.post(
        f"{base}/keywords/",
        {"sector": sector.pk, "keyword": "grey sofa"},
        content_type="application/json",
    )

    assert (read.status_code, woken.status_code, made.status_code) == (200, 200, 201)
    assert (refused.status_code, refused.json()["code"]) == (409, "site_inactive")
