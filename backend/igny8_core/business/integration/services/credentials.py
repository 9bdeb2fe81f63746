"""Credentials of a connection: sealed for its row, opened for a call, never shown.

The column holds ``{"sealed": …, "shown": …}``. ``shown`` is what tells one set from another: the
name that somebody signs in with, and the last characters of a long secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from igny8_core.business.integration import selectors
from igny8_core.business.integration.states import Platform
from igny8_core.common.errors import InvalidInput
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.vault import VaultError, vault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.auth.models import Account
    from igny8_core.business.integration.models import SiteIntegration

PURPOSE = "integration-credentials"
LENGTH_MAX = 500
SECRET_LENGTH_MIN = 16
HINT_LENGTH = 4


@dataclass(frozen=True)
class Shape:
    """What a platform asks for.

    :ivar name: who signs in; shown. Empty where a secret is all there is.
    :ivar secret: never shown, but for its last characters.
    :ivar further: a second secret that some ways to sign in need; empty where there is none.
    """

    name: str
    secret: str
    further: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.name, self.secret)))


SHAPES = {
    Platform.WORDPRESS: Shape("username", "application_password"),
    Platform.SHOPIFY: Shape("client_id", "client_secret", "refresh_token"),
    Platform.CUSTOM: Shape("", "secret"),
}


def check_credentials(platform: str, given: Mapping[str, str]) -> dict[str, str]:
    """The credentials, without blanks around them; without a further secret that was left empty.

    :raises InvalidInput: fields are missing, unknown, too long, or no secret; by dotted name.
    """
    shape = SHAPES[Platform(platform)]
    found = {name: value.strip() for name, value in given.items()}
    if shape.further and not found.get(shape.further):
        found.pop(shape.further, None)
    asked = [*shape.fields, *({shape.further} & found.keys())]
    problems = dict.fromkeys(found.keys() - {*asked}, "is no credential of this platform")
    for name in asked:
        value = found.get(name, "")
        if not value:
            problems[name] = "is missing"
        elif len(value) > LENGTH_MAX:
            problems[name] = f"has at most {LENGTH_MAX} characters"
        elif name != shape.name and len(value) < SECRET_LENGTH_MIN:
            problems[name] = f"has at least {SECRET_LENGTH_MIN} characters"
    if problems:
        named: dict[str, list[str]] = {
            f"credentials.{name}": [text] for name, text in sorted(problems.items())
        }
        raise InvalidInput("These credentials cannot be used.", **named)
    return found


def seal_credentials(row: SiteIntegration, given: Mapping[str, str]) -> dict[str, Any]:
    """What the column is to hold. The row has its key by now.

    :param given: as :func:`check_credentials` returns them.
    """
    shape = SHAPES[Platform(row.platform)]
    shown: dict[str, Any] = {shape.name: given[shape.name]} if shape.name else {}
    if shape.further:
        shown[f"{shape.further}_set"] = bool(given.get(shape.further))
    shown["last4"] = given[shape.secret][-HINT_LENGTH:]
    sealed = vault(purpose=PURPOSE).seal(dict(given), context=_context(row))
    return {"sealed": sealed, "shown": shown}


def open_credentials(row: SiteIntegration) -> dict[str, str]:
    """The credentials themselves, for one call; empty when the site is disconnected.

    :raises VaultError: sealed for another row, or with a key that is not configured.
    """
    if not row.credentials:
        return {}
    opened: dict[str, str] = vault(purpose=PURPOSE).open(
        row.credentials["sealed"], context=_context(row)
    )
    return opened


def shown_credentials(row: SiteIntegration) -> dict[str, Any]:
    """What may be shown: ``{"username": …, "last4": …, "secret_set": True}``, of Shopify also
    ``refresh_token_set``.
    """
    shown = row.credentials.get("shown", {})
    return {**shown, "secret_set": bool(row.credentials)}


@tenant_atomic()
def rotate_credentials(*, account: Account) -> int:
    """Seal every set of the account with the newest vault key.

    :returns: how many were sealed again; 0 on a repeat.
    :raises VaultError: one was sealed with a key that is no longer configured; nothing was written.
    """
    safe, rotated = vault(purpose=PURPOSE), 0
    for row in selectors.integrations(account=account).select_for_update():
        if row.credentials and not safe.is_current(row.credentials["sealed"]):
            row.credentials = seal_credentials(row, open_credentials(row))
            row.save(update_fields=["credentials", "updated_at"])
            rotated += 1
    return rotated


def _context(row: SiteIntegration) -> str:
    if row.pk is None:
        raise VaultError("a row without a key: nothing to seal for")
    return f"acct:{row.account_id}/site:{row.site_id}/int:{row.pk}"
