"""Signed messages between servers, as Standard Webhooks has them: headers, secrets, a window."""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from igny8_core.common.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
WINDOW: Final = timedelta(minutes=5)
VERSION: Final = "v1"
ID_LENGTH: Final = 128
ID_HEADER, TIME_HEADER, SIGNATURE_HEADER = (
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
)


class SignatureWrong(DomainError):
    """Not signed with a secret of ours, not in its time, or not whole. Says no more than that."""

    code = "signature_wrong"
    http_status = 401


def new_secret() -> str:
    """A secret as the specification writes it: ``whsec_`` and 32 random bytes in base64."""
    return PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature`` for one secret.

    :raises ValueError: the secret is none.
    """
    key = _key(secret)
    text = f"{message_id}.{timestamp}.".encode() + body
    return f"{VERSION},{b64encode(hmac.new(key, text, sha256).digest()).decode()}"


def signed_headers(
    secrets_: Collection[str], message_id: str, body: bytes, *, now: datetime
) -> dict[str, str]:
    """The headers of a message; one signature for each secret that is valid now."""
    timestamp = int(now.timestamp())
    return {
        ID_HEADER: message_id,
        TIME_HEADER: str(timestamp),
        SIGNATURE_HEADER: " ".join(
            signature(secret, message_id, timestamp, body) for secret in secrets_
        ),
    }


def verified_id(
    secrets_: Collection[str], headers: Mapping[str, str], body: bytes, *, now: datetime
) -> str:
    """The message's id, once its signature and its time were found right.

    The same message again within the window is right, too: keep the ids.

    :param headers: with lower-case names.
    :raises SignatureWrong: anything else.
    """
    message_id = headers.get(ID_HEADER, "")
    given = headers.get(SIGNATURE_HEADER, "").split()
    if not 0 < len(message_id) <= ID_LENGTH or not message_id.isprintable():
        raise SignatureWrong("The signature is wrong.")
    try:
        timestamp = int(headers.get(TIME_HEADER, ""))
        sent_at = datetime.fromtimestamp(timestamp, UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise SignatureWrong("The signature is wrong.") from exc
    expected = [signature(secret, message_id, timestamp, body) for secret in secrets_]
    is_known = False
    for known in expected:  # all of them, so that time tells nothing
        for one in given[:10]:
            is_known |= hmac.compare_digest(known.encode(), one.encode())
    if not is_known or abs(now - sent_at) > WINDOW:
        raise SignatureWrong("The signature is wrong.")
    return message_id


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        raise ValueError("a secret starts with whsec_")
    try:
        return b64decode(secret.removeprefix(PREFIX), validate=True)
    except Base64Error as exc:
        raise ValueError("a secret is base64") from exc
