"""Sealed texts open for their context and with the keys that are configured, and never else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from igny8_core.common.vault import Vault, VaultError, vault

if TYPE_CHECKING:
    from pytest_django import Settings

OLD, NEW = b"o" * 32, b"n" * 40
SECRET = {"username": "anna", "password": "pässword"}
CONTEXT = "acct:7/provider:openai"


def test_what_was_sealed_opens_for_its_context() -> None:
    safe = Vault([OLD], purpose="test")

    sealed = safe.seal(SECRET, context=CONTEXT)

    assert "anna" not in sealed
    assert sealed.startswith("v1:")
    assert safe.open(sealed, context=CONTEXT) == SECRET


def test_the_same_value_is_sealed_differently_each_time() -> None:
    safe = Vault([OLD], purpose="test")

    assert safe.seal(SECRET, context=CONTEXT) != safe.seal(SECRET, context=CONTEXT)


def test_a_row_copied_to_another_account_does_not_open() -> None:
    safe = Vault([OLD], purpose="test")
    sealed = safe.seal(SECRET, context=CONTEXT)

    with pytest.raises(VaultError, match="another context"):
        safe.open(sealed, context="acct:8/provider:openai")


@pytest.mark.parametrize("position", [3, 12, 40, -1])
def test_an_altered_text_does_not_open(position: int) -> None:
    safe = Vault([OLD], purpose="test")
    sealed = safe.seal(SECRET, context=CONTEXT)
    letters = list(sealed)
    letters[position] = "A" if letters[position] != "A" else "B"

    with pytest.raises(VaultError):
        safe.open("".join(letters), context=CONTEXT)


@pytest.mark.parametrize("text", ["", "plain", "v2:aaaa:bbbb", "v1:aaaa", "v1:aaaa:bbbb"])
def test_other_texts_do_not_open(text: str) -> None:
    with pytest.raises(VaultError):
        Vault([OLD], purpose="test").open(text, context=CONTEXT)


def test_keys_rotate() -> None:
    sealed = Vault([OLD], purpose="test").seal(SECRET, context=CONTEXT)
    both = Vault([NEW, OLD], purpose="test")

    assert not both.is_current(sealed)
    again = both.seal(both.open(sealed, context=CONTEXT), context=CONTEXT)

    assert both.is_current(again)
    assert Vault([NEW], purpose="test").open(again, context=CONTEXT) == SECRET
    with pytest.raises(VaultError, match="not configured"):
        Vault([NEW], purpose="test").open(sealed, context=CONTEXT)


def test_one_purpose_does_not_open_anothers() -> None:
    sealed = Vault([OLD], purpose="test").seal(SECRET, context=CONTEXT)

    with pytest.raises(VaultError):
        Vault([OLD], purpose="else").open(sealed, context=CONTEXT)


@pytest.mark.parametrize("keys", [[], [b"short"], [OLD, b"short"]])
def test_weak_keys_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(keys, purpose="test")


def test_without_configured_keys_the_secret_key_seals(settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = []
    sealed = vault(purpose="test").seal(SECRET, context=CONTEXT)
    settings.CREDENTIAL_KEYS = [NEW.decode()]

    later = vault(purpose="test")

    assert later.open(sealed, context=CONTEXT) == SECRET
    assert not later.is_current(sealed), "a configured key takes over"
    settings.SECRET_KEY = "another-secret-key" * 4
    with pytest.raises(VaultError):
        vault(purpose="test").open(sealed, context=CONTEXT)
