"""Every address, every method, everybody: the answer is the expected one, or CI fails."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import connection, transaction

from igny8_core.auth.states import Role
from tests.routes import permissions
from tests.routes.addresses import admin_routes, api_routes, methods, web_routes
from tests.routes.permissions import (
    API,
    BODIES,
    ENTRANCE,
    OF_ITS_OWNER,
    OPERATORS_QUEUES,
    PERSON,
    PUBLIC,
    ROWS,
    SIGNED,
    STAFF_ONLY,
    WEB,
)
from tests.routes.world import (
    ANONYMOUS,
    CALLERS,
    CANARY,
    MINE,
    OPERATOR,
    STAFF,
    STRANGER,
    World,
    make_world,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

    from tests.routes.addresses import Route

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

GET_ON = frozenset({200, 201, 202, 204})
PAST_THE_DOOR = GET_ON | {400, 402, 409, 415, 422}
"""What a write with an empty body may be told by whoever may write."""

SHOWS_NO_ROW = {
    f"/ops/admin/{name}"
    for name in ("", "login/", "logout/", "jsi18n/", "password_change/", "password_change/done/")
}
"""Pages of the admin that staff without any permission may open: the first one lists nothing."""

OTHERS = {
    "hook_id": UUID(int=1),
    "state": "nothing",
    "token": "nothing",
    "key": "nothing",
    "uidb36": "1",
    "path": "index.html",
    "platform": "wordpress",
    "kind": "openai",
    "slug": "nothing",
    "code": "nothing",
}


@pytest.fixture
def world() -> World:
    return make_world()


def values_for(route: Route, rows: dict[Any, Any]) -> dict[str, Any]:
    """An id or a word for each parameter of an address."""
    found: dict[str, Any] = {}
    for name in route.parameters:
        if name == "pk" and hasattr(route.view, "serializer_class"):
            found[name] = rows[route.model].pk
        elif name in ROWS:
            found[name] = rows[apps.get_model(ROWS[name])].pk
        else:
            found[name] = OTHERS.get(name, 1)
    return found


@contextmanager
def undone() -> Iterator[None]:
    """A savepoint of which nothing stays. Not an ``atomic`` block: tenant blocks are outermost."""
    savepoint = transaction.savepoint()
    yield
    transaction.savepoint_rollback(savepoint)


def ask(client: Client, method: str, route: Route, values: Any, body: Any = None) -> Any:
    """One request to the API of which nothing stays."""
    address = route.address(values)
    body = BODIES.get(f"{method} {route.path}", {}) if body is None else body
    with undone():
        if method == "GET":
            return whole(client.get(address))
        headers = {"Idempotency-Key": "matrix"} if method == "POST" else {}
        return client.generic(
            method,
            address,
            json.dumps(body),
            content_type="application/json",
            headers=headers,
        )


def open_page(client: Client, method: str, route: Route, values: Any) -> Any:
    """One request to the web app, about the account, of which nothing stays."""
    address = f"{route.address(values)}?account={MINE}"
    with undone():
        if method == "GET":
            answer = client.get(address)
            return whole(answer) if answer.streaming else answer
        return client.post(address, BODIES.get(f"POST {route.path}", {}))


def test_no_address_is_missing_from_the_table() -> None:
    api = {route.path: methods(route) for route in api_routes()}
    web = {route.path for route in web_routes()}

    assert {path: sorted(entry) for path, entry in API.items()} == api
    assert set(WEB) == web


@pytest.mark.parametrize("caller", CALLERS)
def test_the_api_answers_everybody_as_the_table_says(caller: str, world: World) -> None:
    client, wrong = world.caller(caller), {}

    for route in api_routes():
        values = values_for(route, world.mine)
        for method, needed in API[route.path].items():
            answer = ask(client, method, route, values)
            expected = expected_of_api(caller, needed, method)
            if route.path in OF_ITS_OWNER and method != "GET":
                expected |= {403}
            if route.path.endswith("/xml/") and 200 in expected:
                expected |= {422}  # the row is a draft, of which there is no e-invoice
            shows_canary = CANARY in answer.content.decode(errors="replace") and caller != STRANGER
            if answer.status_code not in expected or shows_canary:
                wrong[f"{method} {route.path}"] = (answer.status_code, answer.content[:200])

    assert wrong == {}


def expected_of_api(caller: str, needed: str, method: str) -> frozenset[int]:
    if needed == PUBLIC:
        return GET_ON
    if needed == SIGNED or caller == ANONYMOUS:
        return frozenset({401})
    allowed = GET_ON if method == "GET" else PAST_THE_DOOR
    if needed == PERSON:
        return allowed
    if caller in {STRANGER, STAFF}:
        return frozenset({404})
    return allowed if Role(caller).includes(Role(needed)) else frozenset({403})


@pytest.mark.parametrize("caller", CALLERS)
def test_the_web_app_answers_everybody_as_the_table_says(caller: str, world: World) -> None:
    client, wrong = world.caller(caller), {}

    for route in web_routes():
        values = values_for(route, world.mine)
        for method, needed in WEB[route.path].items():
            answer = open_page(client, method, route, values)
            is_fine = is_expected_of_web(caller, needed, answer) or (
                route.path in OF_ITS_OWNER and answer.status_code == 403
            )
            may_show = caller == STRANGER or (caller == STAFF and route.path in OPERATORS_QUEUES)
            if not is_fine or (CANARY in answer.content.decode(errors="replace") and not may_show):
                wrong[f"{method} {route.path}"] = answer.status_code

    assert wrong == {}


def is_expected_of_web(caller: str, needed: str, answer: Any) -> bool:
    status = int(answer.status_code)
    to_sign_in = status == 302 and str(answer["Location"]).startswith(("/sign-in/", "/confirm/"))
    if needed == PUBLIC:
        return status < 500 or str(answer.wsgi_request.path) == "/readyz"
    if needed == ENTRANCE:
        return status in {200, 302}
    if caller == ANONYMOUS:
        return to_sign_in
    if needed == PERSON:
        return status < 500 and status != 403
    if needed == STAFF_ONLY:
        return status in ({200, 422} if caller == STAFF else {404})
    if caller in {STRANGER, STAFF}:
        return status == 404
    if not Role(caller).includes(Role(needed)):
        return status == 403
    return not to_sign_in and status in {200, 302, 303, 409, 422}


@pytest.mark.parametrize("caller", [*CALLERS, OPERATOR])
def test_the_operators_admin_opens_for_operators_alone(caller: str, world: World) -> None:
    client, wrong = world.caller(caller), {}

    for route in admin_routes():
        address = route.address(dict.fromkeys(route.parameters, 1) | {"object_id": 1})
        with undone():
            answer = client.get(address)
        is_shut = caller != OPERATOR and address not in SHOWS_NO_ROW
        if answer.status_code >= 500 or (is_shut and answer.status_code == 200):
            wrong[route.path] = answer.status_code

    assert wrong == {}


def test_another_accounts_row_is_not_found_in_any_path(world: World) -> None:
    client, wrong = world.caller("owner"), {}
    before = fingerprints(world)

    for route in api_routes():
        for name in route.parameters:
            values = values_for(route, world.mine)
            values[name] = values_for(route, world.theirs)[name]
            for method, needed in API[route.path].items():
                if needed == SIGNED:
                    continue
                answer = ask(client, method, route, values)
                if answer.status_code != 404 or CANARY in answer.content.decode(errors="replace"):
                    wrong[f"{method} {route.path}: {name}"] = answer.status_code
    for route in web_routes():
        for name in set(route.parameters) & set(ROWS):
            values = values_for(route, world.mine) | {name: values_for(route, world.theirs)[name]}
            for method, needed in WEB[route.path].items():
                if needed == PUBLIC:
                    continue
                answer = open_page(client, method, route, values)
                if answer.status_code != 404 or CANARY in answer.content.decode(errors="replace"):
                    wrong[f"{method} {route.path}: {name}"] = answer.status_code

    assert wrong == {}
    assert fingerprints(world) == before


def test_another_accounts_row_is_not_found_in_any_filter(world: World, document: Any) -> None:
    client, wrong, count = world.caller("owner"), {}, 0

    for route in api_routes():
        address = route.address(values_for(route, world.mine))
        for name, row in filters_of(document, route):
            count += 1
            mine = whole(client.get(address, {name: world.mine[model_of(row)].pk}))
            theirs = client.get(address, {name: world.theirs[model_of(row)].pk})
            if (mine.status_code, theirs.status_code) != (200, 404):
                wrong[f"{route.path}: {name}"] = (mine.status_code, theirs.status_code)

    assert wrong == {}
    assert count > 0


def test_another_accounts_row_is_not_found_in_any_body(world: World, document: Any) -> None:
    client, wrong, count = world.caller("owner"), {}, 0
    before = fingerprints(world)

    for route in api_routes():
        values = values_for(route, world.mine)
        for method, name, row, is_list in ids_in_bodies(document, route):
            count += 1
            model = route.model if row is None else model_of(row)
            key = world.theirs[model].pk
            body = BODIES.get(f"{method} {route.path}", {}) | {name: [key] if is_list else key}
            answer = ask(client, method, route, values, body)
            if answer.status_code != 404 or CANARY in answer.content.decode(errors="replace"):
                wrong[f"{method} {route.path}: {name}"] = (answer.status_code, answer.content[:200])

    assert wrong == {}
    assert fingerprints(world) == before
    assert count >= permissions.IDS_IN_BODIES


def test_every_id_in_a_body_says_what_it_is_of(document: Any) -> None:
    unknown = set()
    for route in api_routes():
        for _, name, schema in properties(document, route):
            inner = schema.get("items", schema)
            looks_like_id = name.endswith(("_id", "_ids")) or name in ROWS
            if inner.get("type") == "integer" and looks_like_id and "x-row" not in inner:
                unknown.add(f"{route.path}: {name}")

    assert unknown == set()


@pytest.fixture
def document(world: World) -> Any:
    """The OpenAPI document."""
    from drf_spectacular.generators import SchemaGenerator

    generator: Any = SchemaGenerator
    return generator(api_version="1").get_schema(request=None, public=True)


def model_of(row: str) -> Any:
    return apps.get_model(ROWS[row])


def operations(document: Any, route: Route) -> dict[str, Any]:
    path = route.path.replace("<", "{").replace(">", "}").replace("{pk}", "{id}")
    found = document["paths"].get(path) or document["paths"].get(path.replace("{id}", "{pk}"))
    return found or {}


def filters_of(document: Any, route: Route) -> Iterator[tuple[str, str]]:
    for parameter in operations(document, route).get("get", {}).get("parameters", []):
        if parameter["in"] == "query" and "x-row" in parameter["schema"]:
            yield parameter["name"], parameter["schema"]["x-row"]


def properties(document: Any, route: Route) -> Iterator[tuple[str, str, Any]]:
    """(method, name, schema) of what a JSON body may hold."""
    for method, operation in operations(document, route).items():
        content = operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        for name, inner in schema.get("properties", {}).items():
            yield method.upper(), name, inner


def ids_in_bodies(document: Any, route: Route) -> Iterator[tuple[str, str, str | None, bool]]:
    """(method, name, what it is of, whether it is a list); None: of the view's own model."""
    for method, name, schema in properties(document, route):
        is_list = schema.get("type") == "array"
        row = schema.get("items", schema).get("x-row")
        if row is not None or name == "ids":
            yield method, name, row, is_list


def fingerprints(world: World) -> dict[str, Any]:
    """Every row of the other account, as text."""
    found = {}
    for model in world.theirs:
        with connection.cursor() as cursor:
            table = model._meta.db_table
            cursor.execute(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t")
            found[table] = cursor.fetchone()[0]
    return found
