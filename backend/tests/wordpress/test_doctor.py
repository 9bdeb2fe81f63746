"""Each fault injected for real, and its own diagnosis."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.integration.models import SyncEvent
from igny8_core.business.integration.services.check import check_integration
from igny8_core.business.integration.services.integrations import change_integration
from tests.fakes.loopback import QuietHandler, serving
from tests.make.wordpress import connected_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.business.integration.models import SiteIntegration
    from igny8_core.clients.destinations import Report
    from tests.make.publishing import Clock
    from tests.wordpress.server import RealWordPress

pytestmark = pytest.mark.django_db


def examine(integration: SiteIntegration, clock: Clock) -> Report:
    return check_integration(
        account=integration.account, integration_id=integration.pk, clock=clock
    )


def problems(report: Report) -> list[str]:
    return [finding.code for finding in report.findings if not finding.is_ok]


def test_a_healthy_site_has_no_problem(either_way: RealWordPress) -> None:
    integration, _, clock = connected_site(either_way, is_checked=False)
    before = len(either_way.posts())

    report = examine(integration, clock)

    assert problems(report) == []
    codes = [finding.code for finding in report.findings]
    assert codes[:2] == ["reachable", "signed_in"]
    assert codes[-2:] == ["writable", "uploads"]
    assert len(either_way.posts()) == before
    integration.refresh_from_db()
    assert integration.capabilities["roles"] == ["editor"]
    assert integration.checked_at == clock()


@pytest.mark.parametrize(
    ("fault", "diagnosis"),
    [
        ("header_stripped", "header_stripped"),
        ("header_stripped_no_xmlrpc", "password_or_header"),
        ("rest_locked", "rest_locked"),
        ("no_application_passwords", "application_passwords_off"),
        ("firewall", "firewall"),
        ("uploads_broken", "uploads_broken"),
        ("maintenance", "maintenance"),
        ("moved", "moved"),
        ("no_rest", "not_wordpress"),
        ("filtered", "write_changed"),
    ],
)
def test_each_fault_of_a_host_has_its_own_diagnosis(
    wordpress: RealWordPress, fault: str, diagnosis: str
) -> None:
    integration, _, clock = connected_site(wordpress, is_checked=False)
    wordpress.switch(fault)

    report = examine(integration, clock)

    assert problems(report) == [diagnosis]
    assert all(finding.fix for finding in report.findings if not finding.is_ok)
    event = SyncEvent.objects.for_account(integration.account).latest("pk")
    assert (event.event_type, event.success) == ("test", False)
    assert event.details["found"] == [diagnosis]


@pytest.mark.parametrize(
    ("user", "diagnosis"), [("contributor", "role_too_weak"), ("subscriber", "role_too_weak")]
)
def test_a_weak_account_is_named(wordpress: RealWordPress, user: str, diagnosis: str) -> None:
    integration, _, clock = connected_site(wordpress, user, is_checked=False)

    report = examine(integration, clock)

    assert problems(report) == [diagnosis]
    assert "publish_posts" in report.findings[-1].text


def test_a_wrong_password_stops_the_queue_and_a_right_one_starts_it(
    wordpress: RealWordPress,
) -> None:
    integration, _, clock = connected_site(wordpress, is_checked=False)
    right = {
        "username": "editor",
        "application_password": wordpress.users["editor"]["application_password"],
    }
    change_integration(
        account=integration.account,
        integration_id=integration.pk,
        credentials=right | {"application_password": "abcd EFGH ijkl MNOP qrst UVWX"},
        now=clock(),
    )

    assert problems(examine(integration, clock)) == ["wrong_password"]
    integration.refresh_from_db()
    assert integration.sync_status == "auth_failed"

    change_integration(
        account=integration.account, integration_id=integration.pk, credentials=right, now=clock()
    )
    assert problems(examine(integration, clock)) == []
    integration.refresh_from_db()
    assert integration.sync_status == "idle"


@pytest.mark.parametrize(
    ("fault", "note"),
    [("plain_permalinks", "plain_permalinks"), ("polluted", "json_polluted")],
)
def test_what_does_no_harm_is_noted(wordpress: RealWordPress, fault: str, note: str) -> None:
    integration, _, clock = connected_site(wordpress, is_checked=False)
    wordpress.switch(fault)

    report = examine(integration, clock)

    assert problems(report) == []
    assert note in [finding.code for finding in report.findings]


@contextmanager
def another_server(body: bytes) -> Iterator[str]:
    """Something on loopback that is no WordPress."""

    class Handler(QuietHandler):
        def answer(self) -> None:
            self.reply(200, body)

    with serving(Handler) as url:
        yield url


def test_no_server_and_another_program(wordpress: RealWordPress) -> None:
    integration, _, clock = connected_site(wordpress, is_checked=False)
    with another_server(b"<html>A shop</html>") as url:
        integration.config |= {"base_url": url}
        integration.save()
        assert problems(examine(integration, clock)) == ["not_wordpress"]

    assert problems(examine(integration, clock)) == ["unreachable"]


def test_a_private_address_is_refused(wordpress: RealWordPress, settings: Any) -> None:
    integration, _, clock = connected_site(wordpress, is_checked=False)
    settings.SITE_PRIVATE_ADDRESSES = False

    assert problems(examine(integration, clock)) == ["address_refused"]
