"""Slugs of a site's articles, given out one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.auth.models import Site
from igny8_core.business.content.models import Content
from igny8_core.business.content.services.seo_fields import free_slug
from igny8_core.common.errors import Conflict
from igny8_core.common.soft_delete import LIVE

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

SAME_BEGINNING = 40


def lock_slugs(account: Account, site_id: int) -> None:
    """Hold the site's slugs until the transaction ends; readers are not kept waiting."""
    Site.objects.for_account(account).select_for_update(no_key=True).get(pk=site_id)


def check_slug(account: Account, site_id: int, slug: str, *, besides: int | None = None) -> None:
    """Make sure that a slug is free, and stays so until the transaction ends.

    :param besides: the article that may have it.
    :raises Conflict: another live article of the site has it; ``content_id`` says which.
    """
    lock_slugs(account, site_id)
    rows = Content.objects.for_account(account).filter(LIVE, site_id=site_id, slug=slug)
    other = rows.exclude(pk=besides).values_list("pk", flat=True).first()
    if other is not None:
        raise Conflict(
            "The slug is taken.", content_id=other, slug=["Another article of the site has it."]
        )


def unused_slug(account: Account, site_id: int, wanted: str) -> str:
    """``wanted``, or with the first number that makes it unused; inside :func:`lock_slugs`."""
    rows = Content.objects.for_account(account).filter(LIVE, site_id=site_id)
    near = rows.filter(slug__startswith=wanted[:SAME_BEGINNING])
    return free_slug(wanted, near.values_list("slug", flat=True))
