"""The sessions on the page about destinations, typed again: shops, sites of one's own, static."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from igny8_core.business.integration.models import SiteIntegration
from igny8_core.cli import integrations as command
from igny8_core.cli import site as site_command
from tests.fakes.custom_receiver import Site
from tests.fakes.sessions import Session
from tests.fakes.shopify_shop import Shop, ShopWire
from tests.make import publishing as make
from tests.make.delivery import edit
from tests.make.integration import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from igny8_core.auth.models import Sector
    from igny8_core.business.content.models import Content

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

FIRST, SECOND = "shprt_of_the_installation", "shprt_of_the_second_time"


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    """Commands use the tests' own database and folders."""
    for module in (command, site_command):
        monkeypatch.setattr(module, "database", lambda _folder: contextlib.nullcontext())
    settings.SITES_ROOT, settings.MEDIA_ROOT = tmp_path / "sites", tmp_path / "media"


def article(sector: Sector, title: str = "Choosing a sofa") -> Content:
    return make.article(
        sector, title=title, status="published", published_at=timezone.now(), approved_version=None
    )


def numbers(sector: Sector, *contents: Content) -> dict[str, Callable[[], int]]:
    """What the page's numbers are here."""

    def connection() -> int:
        rows = SiteIntegration.objects.for_account(sector.account).order_by("-pk")
        return rows.values_list("pk", flat=True).first() or 0

    found: dict[str, Callable[[], int]] = {"12": lambda: sector.site_id, "3": connection}
    for name, content in zip(("17", "18"), contents, strict=False):
        found[name] = lambda content=content: content.pk  # type: ignore[misc]  # bound now
    return found


def edited(content: Content) -> Callable[[], None]:
    return lambda: edit(content, "Choosing a sofa that lasts", make.Clock(timezone.now()))


def test_a_shop(settings: Any) -> None:
    settings.SITE_HTTP_CLIENT = "tests.fakes.shopify_shop.ShopWire"
    shop = ShopWire.shop = Shop(secret=SECRET, refresh_tokens=[FIRST])
    sector = make.sector()
    first, second = article(sector), article(sector, "Which leather lasts")
    session = Session(
        "shopify",
        numbers(sector, first, second),
        {},
        typed=f"{SECRET}\n{FIRST}\n",
    )

    def revoke() -> None:
        shop.refresh_tokens, shop.token = [SECOND], "none"

    def authorise() -> None:
        session.typed = f"{SECRET}\n{SECOND}\n"

    session.meanwhile = {
        "The title is edited in IGNY8.": edited(first),
        "The refresh token is revoked in the shop.": revoke,
        "The application was authorised again: a new refresh token.": authorise,
    }
    session.check()


def test_a_site_of_ones_own(settings: Any) -> None:
    settings.SITE_HTTP_CLIENT = "tests.fakes.custom_receiver.Wire"
    settings.SITE_PRIVATE_ADDRESSES = True
    site, sector = Site(), make.sector()
    content = article(sector)

    def secret(value: str) -> Callable[[], None]:
        return lambda: site.scope.update(SECRET=value)

    Session(
        "custom",
        numbers(sector, content),
        {site.url: "https://api.example.com"},
        typed=f"{site.secret}\n",
        meanwhile={
            "The site gets another secret, and IGNY8 does not know it.": secret(
                "whsec_" + "QUFB" * 8
            ),
            "The site has the old one back.": secret(site.secret),
        },
    ).check()
    site.stop()


def test_a_static_site() -> None:
    sector = make.sector()
    content = article(sector)
    Session(
        "site",
        numbers(sector, content),
        {f"http://testserver/sites/{sector.site_id}/": "https://igny8.example.com/sites/12/"},
        meanwhile={"The title is edited in IGNY8.": edited(content)},
    ).check()
