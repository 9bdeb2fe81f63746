"""The session with a WordPress on the page about destinations, typed again."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from igny8_core.business.integration.models import ExternalItem, SiteIntegration
from igny8_core.business.publishing.models import PublishingRecord
from igny8_core.cli import integrations as command
from tests.fakes.sessions import Session
from tests.make import publishing as make
from tests.make.delivery import edit

if TYPE_CHECKING:
    from tests.wordpress.server import RealWordPress

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


def test_a_wordpress(wordpress: RealWordPress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "database", lambda _folder: contextlib.nullcontext())
    sector = make.sector()
    account = sector.account
    content = make.article(
        sector,
        title="Choosing a sofa",
        slug=f"choosing-a-sofa-{sector.pk}",
        status="published",
        published_at=timezone.now(),
        approved_version=None,
    )

    def edit_there() -> None:
        item = ExternalItem.objects.for_account(account).get()
        wordpress.php(
            f"return wp_update_post(['ID' => {item.external_id}, 'post_title' => 'Ours']);"
        )

    def latest() -> int:
        rows = PublishingRecord.objects.for_account(account).filter(status="failed")
        return rows.values_list("pk", flat=True).first() or 0

    Session(
        "wordpress",
        {
            "12": lambda: sector.site_id,
            "3": lambda: SiteIntegration.objects.for_account(account).get().pk,
            "17": lambda: content.pk,
            "41": latest,
        },
        {
            f"{wordpress.url}/{content.slug}/": "https://sofa.example/choosing-a-sofa/",
            wordpress.url: "https://sofa.example",
            "Throwaway WordPress": "Sofa House",
        },
        typed=f"{wordpress.users['editor']['application_password']}\n",
        meanwhile={
            "The title is edited in IGNY8.": lambda: edit(
                content, "Choosing a sofa that lasts", make.Clock(timezone.now())
            ),
            "Somebody edits the post in WordPress.": edit_there,
            "The host begins to strip the Authorization header.": lambda: wordpress.switch(
                "header_stripped"
            ),
            "The host passes it on again.": wordpress.switch,
        },
    ).check()
