"""A root of our own, and certificates that it signed, as PayPal's would be. Made once a process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SIGNER = "messageverificationcerts.paypal.com"


@dataclass(frozen=True)
class Signer:
    """A key, and the certificate that somebody gave it."""

    key: rsa.RSAPrivateKey
    pem: bytes


@cache
def root() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Whom tests trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Test root")
    built = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(is_root=True), critical=True)
    )
    return key, built.sign(key, hashes.SHA256())


def root_pem() -> bytes:
    return root()[1].public_bytes(Encoding.PEM)


@cache
def signer(name: str = SIGNER, *, days: int = 30, is_known: bool = True) -> Signer:
    """A certificate for a name.

    :param days: how long it is valid; negative for one that was.
    :param is_known: signed by our root, else by itself.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    root_key, root_certificate = root()
    issuer = root_certificate.subject if is_known else _name(name)
    built = (
        _builder(_name(name), issuer, key.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(_usage(is_root=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
            critical=False,
        )
    )
    certificate = built.sign(root_key if is_known else key, hashes.SHA256())
    return Signer(key, certificate.public_bytes(Encoding.PEM))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    days: int = 30,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    begin = now - timedelta(days=60)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, is_root: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_root,
        crl_sign=is_root,
        encipher_only=False,
        decipher_only=False,
    )
