"""What the browser tests look at outside: connections, providers, webhooks, an empty site."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from igny8_core.ai import services as ai
from igny8_core.ai.models import AiCall
from igny8_core.ai.states import AiCallStatus, ProviderKind
from igny8_core.business.automation.models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from igny8_core.business.automation.services import webhook_endpoints
from igny8_core.business.content.models import Content
from igny8_core.business.integration.models import ExternalItem, SiteIntegration
from tests import make
from tests.make import integration as make_integration

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Site

REPORT = [
    ("wordpress", True, "WordPress answers: Northwind Coffee, version 6.8.", ""),
    ("signed_in", True, "We are signed in as mo, an editor.", ""),
    ("permalinks_plain", True, "Addresses of articles have no words in them.",
     "Choose “Post name” under Settings, Permalinks: visitors and search engines read addresses."),
    ("uploads_broken", False, "The image was refused: the folder of uploads cannot be written.",
     "Let the web server write wp-content/uploads, or raise the limit of space."),
]  # fmt: skip
EVENTS = (
    ("test", "read", True, "", {"findings": ["wordpress", "signed_in", "uploads_broken"]}, 1_840),
    ("publish", "create", True, "", {"way": "reserve", "tries": 1}, 812),
    ("publish", "update", False, "The site did not answer within 30 seconds.",
     {"code": "outcome_unknown", "tries": 2}, 30_004),
    ("sync", "read", True, "", {"new": 3, "unchanged": 41}, 2_310),
    ("webhook", "receive", True, "", {"event": "post.updated"}, 4),
)  # fmt: skip


def connections(site: Site, published: int) -> dict[str, int]:
    """Ids by name, for the addresses of screens."""
    account = site.account
    second = make.site(account, slug="northwind-shop", domain="shop.northwind.coffee")
    second.name = "Northwind Shop"
    second.save()
    make.sector(second, "Coffee gear")
    found = {"second": second.pk}
    found |= _wordpress(site, published)
    found |= {"provider": _providers(account), "endpoint": _webhooks(account)}
    return found


def _wordpress(site: Site, published: int) -> dict[str, int]:
    now = timezone.now()
    row = make_integration.integration(site)
    shop = make_integration.integration(site, "shopify")
    findings = [
        {"code": code, "is_ok": is_ok, "text": text, "fix": fix}
        for code, is_ok, text, fix in REPORT
    ]
    SiteIntegration.unscoped.filter(pk=row.pk).update(
        check_report=findings,
        checked_at=now - timedelta(minutes=12),
        last_sync_at=now - timedelta(minutes=9),
        is_sync_enabled=True,
    )
    article = Content.unscoped.get(pk=published)
    for number in range(30):
        kind, action, success, error, details, took = EVENTS[number % len(EVENTS)]
        make_integration.sync_event(
            row, event_type=kind, action=action, success=success, error=error, details=details,
            duration_ms=took, content=article if kind == "publish" else None,
            external_id="" if kind != "webhook" else f"{4_100 + number}",
        )  # fmt: skip
    ExternalItem.unscoped.create(
        integration=row,
        content=article,
        external_id="4102",
        external_url="https://shop.example.com/blog/portafilter",
        state="conflict",
        site_status="publish",
        remote_modified_at=now - timedelta(hours=3),
        metadata={"conflict": {"title": "Portafilters, explained by our barista"}},
    )
    return {"integration": row.pk, "shop": shop.pk}


def _providers(account: Account) -> int:
    local = ai.save_provider_setting(
        account=account, provider=ProviderKind.LOCAL, model="demo", is_free=True, priority=10
    )
    ai.save_provider_setting(
        account=account,
        provider=ProviderKind.ANTHROPIC,
        model="claude-example",
        api_key="sk-not-a-key-of-anybody-0042",
        priority=20,
        requests_per_minute=50,
    )
    now = timezone.now()
    for number in range(12):
        AiCall.unscoped.create(
            account=account,
            related_type="content",
            related_id=number + 1,
            request_hash=f"{number}",
            prompt="content_section/v2",
            provider="anthropic",
            model="claude-example",
            status=AiCallStatus.FAILED,
            error="The provider was busy.",
            prompt_tokens=900,
            completion_tokens=0,
            cost_usd_micros=1_250,
            is_own_key=True,
            ended_at=now,
        )
    return int(local.pk)


def _webhooks(account: Account) -> int:
    now = timezone.now()
    row, _secret = webhook_endpoints.create_endpoint(
        account=account, url="https://hooks.northwind.coffee/igny8", description="Our newsroom"
    )
    other, _secret = webhook_endpoints.create_endpoint(
        account=account, url="https://old.northwind.coffee/hook", event_types=["run.completed"]
    )
    WebhookEndpoint.unscoped.filter(pk=other.pk).update(is_enabled=False, disabled_reason="failing")
    states = (("delivered", 200, ""), ("delivered", 204, ""), ("failed", 500, "answered 500"))
    for number, (status, code, error) in enumerate(states * 3):
        sent = WebhookDelivery.unscoped.create(
            account=account, endpoint=row, event_type="run.completed",
            message_id=f"msg_test_{number}",  # a bare number is that of an event yet to come
            payload={"type": "run.completed", "data": {"run": number + 1, "articles": 12}},
            status=status, attempts=1 if status == "delivered" else 9, next_attempt_at=now,
            status_code=code, error=error, delivered_at=now if status == "delivered" else None,
        )  # fmt: skip
        WebhookAttempt.unscoped.create(
            account=account, delivery=sent, number=1, status_code=code, error=error,
            milliseconds=140 + number,
        )  # fmt: skip
    return int(row.pk)
