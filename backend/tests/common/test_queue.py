"""Hints to workers: whatever their ids are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import current_app

from igny8_core.common.queue import publish

if TYPE_CHECKING:
    import pytest


def test_an_id_may_be_called_name(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, **options: sent.append((name, options["kwargs"]))
    )

    assert publish("automation.run_periodic", queue="control", name="billing.expire_due") is True

    assert sent == [("automation.run_periodic", {"name": "billing.expire_due"})]
