"""Standard Webhooks (https://www.standardwebhooks.com), the sending side: signed, guarded POSTs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from igny8_core.clients.guarded_http import PORTS, GuardedClient, is_public
from igny8_core.common.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Sequence

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - a prefix
SECRET_BYTES: Final = 32
DEADLINE_SECONDS: Final = 15.0
ANSWER_BYTES_MAX: Final = 64 * 1024
ANY_PORT: Final = range(1, 65_536)


class WebhookRefused(DomainError):
    """The address answered, and not with success; ``data["status"]`` is what it said."""

    code = "webhook_refused"


def new_secret() -> str:
    """A signing secret, as receivers' libraries take it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """``v1,<HMAC-SHA256 over id.timestamp.body>``."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def send(
    url: str,
    *,
    secrets_of: Sequence[str],
    message_id: str,
    timestamp: int,
    body: bytes,
    is_private_allowed: bool,
) -> int:
    """POST one event; returns the status of the answer, which says success.

    :param secrets_of: each makes a signature: during a rotation there are two.
    :param is_private_allowed: the operator trusts every account: any host and port, http too.
    :raises WebhookRefused: another status.
    :raises AddressRefused: not an address that we go to; nothing was sent.
    :raises RedirectRefused: we were sent elsewhere, and did not go.
    :raises NotSent: no connection.
    :raises OutcomeUnknown: no whole answer in time.
    :raises AnswerTooLarge: more came back than an answer needs.
    """
    signatures = [
        signature(secret, message_id=message_id, timestamp=timestamp, body=body)
        for secret in secrets_of
    ]
    answer = _client(is_private_allowed=is_private_allowed).request(
        "POST",
        url,
        headers={
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(signatures),
        },
        content=body,
    )
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - success, as HTTP has it
        raise WebhookRefused(f"answered {answer.status}", status=answer.status)
    return answer.status


@lru_cache
def _client(*, is_private_allowed: bool) -> GuardedClient:
    return GuardedClient(
        schemes=("https", "http") if is_private_allowed else ("https",),
        ports=ANY_PORT if is_private_allowed else PORTS,
        is_allowed=(lambda _address: True) if is_private_allowed else is_public,
        deadline_seconds=DEADLINE_SECONDS,
        body_bytes_max=ANSWER_BYTES_MAX,
    )
