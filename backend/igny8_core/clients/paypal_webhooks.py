"""Whether a webhook is PayPal's: its library cannot say, so we do, on the raw bytes.

Signed is ``transmission id | time | id of OUR webhook | CRC-32 of the body``. The certificate
comes from an address in the headers, which anybody can write: its host must be PayPal's, and the
certificate one of PayPal's that a root we trust stands behind.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import certifi
import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from igny8_core.clients.payments import BadSignature
from igny8_core.common.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM: Final = "SHA256withRSA"
PATH: Final = "/v1/notifications/certs/"
LIVE_HOSTS: Final = frozenset({"api.paypal.com", "api-m.paypal.com"})
SANDBOX_HOSTS: Final = frozenset({"api.sandbox.paypal.com", "api-m.sandbox.paypal.com"})
SIGNER: Final = "messageverificationcerts.paypal.com"
SANDBOX_SIGNER: Final = "messageverificationcerts.sandbox.paypal.com"
TIMEOUT_SECONDS: Final = 10
CERTIFICATES_MAX: Final = 8
CERTIFICATE_BYTES_MAX: Final = 64 * 1024
KEPT: Final = timedelta(hours=12)
OLDEST: Final = timedelta(days=4)  # PayPal sends again for three days; repeats are stored once
AHEAD: Final = timedelta(minutes=5)


@dataclass
class Signatures:
    """Checks webhooks of one account. Any number of threads may.

    :ivar webhook_ids: of our webhooks at PayPal; not of events.
    :ivar address: whose certificates count instead of PayPal's, with ``trust`` as root; tests only.
    """

    webhook_ids: tuple[str, ...]
    is_live: bool
    address: str = ""
    trust: bytes = b""
    _known: dict[str, tuple[datetime, x509.Certificate]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def verified(self, *, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """What a webhook says.

        :raises BadSignature: PayPal did not send this to one of our webhooks, or long ago.
        :raises Transient: the certificate cannot be had just now.
        """
        found = {name: headers.get(f"Paypal-{name}", "") for name in _HEADERS}
        now = datetime.now(UTC)
        if not all(found.values()) or found["Auth-Algo"] != ALGORITHM:
            raise BadSignature("This webhook is not signed as PayPal signs.")
        _refuse_unless_recent(found["Transmission-Time"], now)
        try:
            signature = base64.b64decode(found["Transmission-Sig"], validate=True)
        except binascii.Error as exc:
            raise BadSignature("This webhook is not signed as PayPal signs.") from exc
        key = self._certificate(found["Cert-Url"], now).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise BadSignature("This webhook is not signed as PayPal signs.")
        begin = f"{found['Transmission-Id']}|{found['Transmission-Time']}"
        signed = [f"{begin}|{own}|{zlib.crc32(body)}".encode() for own in self.webhook_ids]
        if not any(_is_signature(key, signature, text) for text in signed):
            raise BadSignature("This webhook is not signed by PayPal for us.")
        try:
            said = json.loads(body)
        except ValueError as exc:
            raise BadSignature("This is no event of PayPal's.") from exc
        if not isinstance(said, dict):
            raise BadSignature("This is no event of PayPal's.")
        return said

    def _certificate(self, url: str, now: datetime) -> x509.Certificate:
        """A certificate of PayPal's that is valid now; kept for a while."""
        self._refuse_unless_theirs(url)
        with self._lock:
            kept = self._known.get(url)
        if kept is None or kept[0] < now - KEPT:
            chain = _fetched(url)
            self._refuse_unless_trusted(chain, now)
            kept = (now, chain[0])
            with self._lock:
                while len(self._known) >= CERTIFICATES_MAX:
                    self._known.pop(next(iter(self._known)))
                self._known[url] = kept
        certificate = kept[1]
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise BadSignature("The certificate of this webhook is not valid now.")
        return certificate

    def _refuse_unless_theirs(self, url: str) -> None:
        parts = urlsplit(url)
        if self.address:
            own = urlsplit(self.address)
            is_theirs = (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
        else:
            hosts = LIVE_HOSTS if self.is_live else SANDBOX_HOSTS
            is_theirs = parts.scheme == "https" and parts.netloc.lower() in hosts
        if not is_theirs or not parts.path.startswith(PATH) or parts.query or parts.fragment:
            raise BadSignature("The certificate of this webhook is not at PayPal.")

    def _refuse_unless_trusted(self, chain: list[x509.Certificate], now: datetime) -> None:
        roots = self.trust or certifi.contents().encode()
        store = Store(x509.load_pem_x509_certificates(roots))
        builder = PolicyBuilder().store(store).time(now)
        names = [SIGNER] if self.is_live else [SANDBOX_SIGNER, SIGNER]
        for name in names:
            try:
                builder.build_server_verifier(x509.DNSName(name)).verify(chain[0], chain[1:])
            except VerificationError:
                continue
            return
        raise BadSignature("The certificate of this webhook is not PayPal's.")


_HEADERS: Final = (
    "Transmission-Id",
    "Transmission-Time",
    "Transmission-Sig",
    "Cert-Url",
    "Auth-Algo",
)


def _refuse_unless_recent(text: str, now: datetime) -> None:
    try:
        sent = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadSignature("This webhook has no time.") from exc
    if sent.tzinfo is None or not now - OLDEST <= sent <= now + AHEAD:
        raise BadSignature("This webhook was sent long ago.")


def _is_signature(key: rsa.RSAPublicKey, signature: bytes, text: bytes) -> bool:
    try:
        key.verify(signature, text, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _fetched(url: str) -> list[x509.Certificate]:
    """The certificate at an address, and those between it and its root."""
    try:
        answer = httpx.get(url, timeout=TIMEOUT_SECONDS, follow_redirects=False)
    except httpx.HTTPError as exc:
        raise Transient("PayPal's certificate cannot be had.", error=type(exc).__name__) from exc
    if answer.status_code != httpx.codes.OK:
        raise Transient("PayPal's certificate cannot be had.", status=answer.status_code)
    try:
        return x509.load_pem_x509_certificates(answer.content[:CERTIFICATE_BYTES_MAX])
    except ValueError as exc:
        raise BadSignature("The certificate of this webhook is none.") from exc
