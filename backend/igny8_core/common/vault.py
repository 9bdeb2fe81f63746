"""Sealed secrets of tenants: provider keys, credentials of destinations.

A sealed text opens only for the context (account, row) it was sealed for, so a row that is copied
to another account is worthless there.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT = "v1"
KEY_BYTES_MIN = 32


class VaultError(RuntimeError):
    """A sealed text that does not open here: other key, other context, or altered."""


class Vault:
    """Seals JSON values with the newest key and opens them with any.

    :param keys: newest first, at least 32 random bytes each.
    :param purpose: separates the keys of different uses.
    :raises ValueError: no key, or a short one.
    """

    def __init__(self, keys: Sequence[bytes], *, purpose: str) -> None:
        if not keys or any(len(key) < KEY_BYTES_MIN for key in keys):
            raise ValueError(f"a vault needs keys of at least {KEY_BYTES_MIN} bytes")
        self._ciphers = {
            _derive(key, "kid", 4).hex(): Fernet(urlsafe_b64encode(_derive(key, purpose, 32)))
            for key in keys
        }
        self._newest = next(iter(self._ciphers))

    def seal(self, value: Any, *, context: str) -> str:
        """``v1:<key id>:<token>``.

        :param value: anything that JSON can hold.
        :param context: whose value it is, for example ``acct:7/provider:openai``.
        """
        plain = json.dumps({"c": context, "d": value}).encode()
        token = self._ciphers[self._newest].encrypt(plain).decode()
        return f"{FORMAT}:{self._newest}:{token}"

    def open(self, sealed: str, *, context: str) -> Any:
        """The value.

        :raises VaultError: sealed with an unknown key or for another context, or altered.
        """
        cipher = self._ciphers.get(self._key_id(sealed))
        if cipher is None:
            raise VaultError("sealed with a key that is not configured")
        try:
            plain = json.loads(cipher.decrypt(sealed.rpartition(":")[2].encode()))
        except InvalidToken as exc:
            raise VaultError("the sealed text was altered") from exc
        if plain["c"] != context:
            raise VaultError("sealed for another context")
        return plain["d"]

    def is_current(self, sealed: str) -> bool:
        """Whether the newest key sealed it; if not, open and seal it again."""
        return self._key_id(sealed) == self._newest

    @staticmethod
    def _key_id(sealed: str) -> str:
        form, _, rest = sealed.partition(":")
        if form != FORMAT:
            raise VaultError("not a sealed text")
        return rest.partition(":")[0]


def vault(*, purpose: str) -> Vault:
    """The vault of this installation.

    Keys are ``IGNY8_CREDENTIAL_KEYS``. The key that is derived from the secret key comes last: it
    seals only while none is configured, and still opens what it sealed before one was.
    """
    fallback = _derive(settings.SECRET_KEY.encode(), "credential-fallback", 32)
    configured = [key.encode() for key in settings.CREDENTIAL_KEYS]
    return Vault([*configured, fallback], purpose=purpose)


def _derive(key: bytes, info: str, size: int) -> bytes:
    return HKDF(SHA256(), size, None, f"igny8/{info}".encode()).derive(key)
