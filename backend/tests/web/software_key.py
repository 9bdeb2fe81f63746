"""A passkey in memory: what a browser and its authenticator would answer."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

PRESENT_AND_VERIFIED = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV


class SoftwareKey:
    """One credential of one site.

    :param host: the site's host name; its origin is ``https://<host>``.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self.secret = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = sha256(str(id(self)).encode()).digest()
        self.person_id = ""

    def register(self, options: dict[str, Any]) -> str:
        """The JSON that a browser posts for ``navigator.credentials.create``."""
        wanted = options["publicKey"]
        self.person_id = _text(wanted["user"]["id"])
        public = ES256.from_cryptography_key(self.secret.public_key())  # type: ignore[no-untyped-call]  # untyped library
        credential = AttestedCredentialData.create(bytes(16), self.credential_id, public)
        data = AuthenticatorData.create(
            self._site(), PRESENT_AND_VERIFIED | AuthenticatorData.FLAG.AT, 0, credential
        )
        response = {
            "clientDataJSON": websafe_encode(self._client_data("create", wanted)),
            "attestationObject": websafe_encode(AttestationObject.create("none", data, {})),
        }
        return self._posted(response)

    def answer(self, options: dict[str, Any], *, person_id: str = "") -> str:
        """The JSON that a browser posts for ``navigator.credentials.get``."""
        client = self._client_data("get", options["publicKey"])
        data = AuthenticatorData.create(self._site(), PRESENT_AND_VERIFIED, 1)
        signature = self.secret.sign(data + client.hash, ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": websafe_encode(client),
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(signature),
            "userHandle": person_id or self.person_id,
        }
        return self._posted(response)

    def _site(self) -> bytes:
        return sha256(self.host.encode()).digest()

    def _client_data(self, kind: str, wanted: dict[str, Any]) -> CollectedClientData:
        challenge = websafe_decode(_text(wanted["challenge"]))
        return CollectedClientData.create(f"webauthn.{kind}", challenge, f"https://{self.host}")

    def _posted(self, response: dict[str, str]) -> str:
        name = websafe_encode(self.credential_id)
        body = {"id": name, "rawId": name, "type": "public-key", "response": response}
        return json.dumps(body | {"clientExtensionResults": {}})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else websafe_encode(value)
