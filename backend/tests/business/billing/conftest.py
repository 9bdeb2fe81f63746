from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.stripe_server import StripeServer, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[StripeServer]:
    """Stripe on a loopback port; our client does not repeat by itself."""
    monkeypatch.setattr("igny8_core.clients.stripe.RETRIES", 0)
    with running() as server:
        settings.PAYMENT_KEYS = {
            "stripe": {
                "secret_key": "sk_test_1",
                "webhook_secrets": ["whsec_test"],
                "address": server.address,
            }
        }
        yield server
