"""Two accounts with a row of everything, and everybody who may come by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from igny8_core.auth.models import Account
from igny8_core.auth.states import Role
from igny8_core.business.content.models import Images
from tests import make
from tests.common.isolation import canary, make_row, tenant_models
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from collections.abc import Iterator

MINE, THEIRS = 900_001, 900_002
ANONYMOUS, STRANGER, STAFF, OPERATOR = "anonymous", "other account", "staff", "operator"
CALLERS = [ANONYMOUS, *(role.value for role in Role), STRANGER, STAFF]


@dataclass(frozen=True)
class World:
    """Rows by model: of the account that is asked about, and of another one."""

    mine: dict[Any, Any]
    theirs: dict[Any, Any]

    @property
    def account(self) -> Account:
        return Account.objects.select_related("credit_wallet").get(pk=MINE)

    def callers(self) -> Iterator[tuple[str, Client]]:
        """Everybody by name, each in a browser of their own."""
        for name in CALLERS:
            yield name, self.caller(name)

    def caller(self, name: str) -> Client:
        """One of :data:`CALLERS`, or an operator, who may do everything in the admin."""
        client = Client(raise_request_exception=False)
        if name == ANONYMOUS:
            return client
        if name in Role.values:
            person = make.member(self.account, Role(name))
        elif name == STRANGER:
            person = make.member(Account.objects.get(pk=THEIRS), Role.OWNER)
        elif name == OPERATOR:
            person = make.user(is_staff=True, is_superuser=True)
        else:
            person = make.user(is_staff=True)
        client.force_login(person)
        return client


def whole(answer: Any) -> Any:
    """An answer with all its content: one that streams is read to its end."""
    if not answer.streaming:
        return answer
    return HttpResponse(
        answer.getvalue(), status=answer.status_code, content_type=answer["Content-Type"]
    )


def make_world() -> World:
    """A row of every tenant model in both accounts; texts of the other one hold its canary."""
    mine: dict[Any, Any] = {}
    theirs: dict[Any, Any] = {}
    make_billing.prices()
    make_billing.package(slug="nothing")
    make_billing.plan(code="nothing", price_minor=900)
    for model in tenant_models():
        make_row(model, MINE, mine)
        make_row(model, THEIRS, theirs)
    for account_id, rows in ((MINE, mine), (THEIRS, theirs)):
        _give_file(rows[Images], account_id)
    return World(mine, theirs)


def _give_file(image: Any, account_id: int) -> None:
    """One file of an image, which says whose it is."""
    data = canary(account_id).encode()
    digest = hashlib.sha256(data).hexdigest()[:32]
    path = f"{account_id}/{image.site_id}/images/{digest[:2]}/{digest}-16.webp"
    file = Path(settings.MEDIA_ROOT) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    variant = {"path": path, "format": "webp", "width": 16, "height": 9, "size_bytes": len(data)}
    Images.unscoped.filter(pk=image.pk).update(variants=[variant])


CANARY = canary(THEIRS)
