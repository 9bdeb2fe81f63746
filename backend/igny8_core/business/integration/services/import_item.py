"""What one item of a site is to us, and what is taken over: by its fingerprint, not its date."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from igny8_core.business.content.services import synced_posts
from igny8_core.business.content.services.page_rows import PageRow
from igny8_core.business.content.services.text_measures import word_count
from igny8_core.business.content.snapshots import without_disclosure
from igny8_core.business.integration.models import ExternalItem
from igny8_core.business.integration.services import items
from igny8_core.business.integration.states import EXTERNAL_ITEM, ConflictPolicy, ItemState
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.html import without_comments
from igny8_core.common.states import advance

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.integration.models import SiteIntegration
    from igny8_core.clients.sources import SourceItem

STATUS_OF: Final = {
    "publish": "published",
    "pending": "review",
    "future": "review",
    "draft": "draft",
    "private": "draft",
}
RESERVED: Final = re.compile(r"igny8-([0-9a-f]{32})(?:-\d+)?\Z")
_TAGS: Final = re.compile(r"<[^<>]*>")


class Importer:
    """Takes items of one site over, one after the other. Each call is inside an open block.

    :param terms: slug and name by the site's taxonomy and id.
    :ivar counts: what became of them.
    """

    def __init__(
        self,
        *,
        account: Account,
        integration: SiteIntegration,
        sector: Sector,
        terms: Mapping[tuple[str, str], tuple[str, str]],
    ) -> None:
        self._account, self._integration, self._sector = account, integration, sector
        self._terms = terms
        self.counts: Counter[str] = Counter()

    def take(self, found: SourceItem, *, now: datetime) -> None:
        """Import, skip, or hold an item for a person."""
        item = self._item_of(found)
        if item is None and RESERVED.match(found.slug) and found.site_status == "draft":
            self.counts["reserved"] += 1  # a place that we hold
            return
        if item is None:
            self._adopt(found, now)
            return
        was_status = item.site_status
        if items.is_ours(item, found.watched):
            self._note(item, found, now)
            self.counts["unchanged"] += 1
            return
        self._changed_there(item, found, was_status, now)

    def _item_of(self, found: SourceItem) -> ExternalItem | None:
        rows = ExternalItem.objects.for_account(self._account).filter(integration=self._integration)
        known: ExternalItem | None = (
            rows.filter(external_type=found.external_type, external_id=found.external_id)
            .select_for_update()
            .first()
        )
        if known is not None:
            return known
        reserved = RESERVED.match(found.slug)
        if reserved is None:
            return None
        return rows.filter(external_key=UUID(hex=reserved[1])).select_for_update().first()

    def _adopt(self, found: SourceItem, now: datetime) -> None:
        """An item that we have never seen: the article of an earlier import, or a new one."""
        content_id = synced_posts.content_of_post(
            account=self._account,
            site_id=self._integration.site_id,
            external_type=found.external_type,
            external_id=found.external_id,
        )
        name = "linked" if content_id else "created"
        content = synced_posts.import_post(
            account=self._account,
            sector=self._sector,
            page=self._page(found),
            content_id=content_id,
            now=now,
        )
        item = ExternalItem(
            integration=self._integration,
            content_id=content.pk,
            external_type=found.external_type,
            external_id=found.external_id,
            state=ItemState.LINKED,
        )
        item.save()
        self._note(item, found, now, revision=content.version)
        self.counts[name] += 1

    def _changed_there(
        self, item: ExternalItem, found: SourceItem, was_status: str, now: datetime
    ) -> None:
        version = None
        if item.content_id is not None:
            version = synced_posts.version_of(account=self._account, content_id=item.content_id)
        if version is None:  # seen, and not wanted here any more
            self._note(item, found, now)
            self.counts["unchanged"] += 1
            return
        if self._is_status_alone(item, found):
            self._note(item, found, now)
            self._follow(item, found, now)
            self.counts["status"] += 1
            return
        if version != item.revision and item.revision:
            self._both_changed(item, found, now)
            return
        try:
            content = synced_posts.import_post(
                account=self._account,
                sector=self._sector,
                page=self._page(found),
                content_id=item.content_id,
                now=now,
            )
        except (InvalidInput, NotFound):
            self.counts["refused"] += 1
            self._note(item, found, now)
            return
        self._note(item, found, now, revision=content.version)
        if was_status != found.site_status:
            self._follow(item, found, now)
        self.counts["updated"] += 1

    def _is_status_alone(self, item: ExternalItem, found: SourceItem) -> bool:
        """Whether nothing but the status differs from what we last saw."""
        known = item.metadata.get("fields") or {}
        seen = items.by_field(found.watched)
        differing = {n for n in known.keys() & seen.keys() if known[n] != seen[n]}
        return differing == {"status"}

    def _both_changed(self, item: ExternalItem, found: SourceItem, now: datetime) -> None:
        policy = self._integration.config.get("conflict_policy")
        if policy == ConflictPolicy.ASK:
            shown = {
                "title": found.title[:300],
                "hash": items.hash_of(found.watched),
                "status": found.site_status,
            }
            item.metadata = item.metadata | {"conflict": shown}
            item.remote_modified_at = found.modified_at
            item.save(update_fields=["metadata", "remote_modified_at", "updated_at"])
            if EXTERNAL_ITEM.allows(item.state, ItemState.CONFLICT):
                advance(item, ItemState.CONFLICT, table=EXTERNAL_ITEM, now=now, field="state")
            self.counts["conflicts"] += 1
            return
        # `overwrite`: ours goes out with the next publication; `skip`: both stay as they are.
        item.remote_modified_at = found.modified_at
        item.save(update_fields=["remote_modified_at", "updated_at"])
        self.counts["kept"] += 1

    def _follow(self, item: ExternalItem, found: SourceItem, now: datetime) -> None:
        """An imported article has the status that its site gives it."""
        if item.content_id is None or item.metadata.get("is_own"):
            return
        content_id = synced_posts.content_of_post(
            account=self._account,
            site_id=self._integration.site_id,
            external_type=item.external_type,
            external_id=item.external_id,
        )
        if content_id == item.content_id:
            synced_posts.follow_site_status(
                account=self._account,
                content_id=content_id,
                status=STATUS_OF.get(found.site_status, "draft"),
                note=f"The site says {found.site_status}.",
                now=now,
            )

    def _note(
        self,
        item: ExternalItem,
        found: SourceItem,
        now: datetime,
        *,
        revision: int | None = None,
    ) -> None:
        """Write down what was seen; its own echo changes nothing else."""
        values: dict[str, Any] = {
            "external_id": found.external_id,
            "external_url": found.url[:2000],
            "site_status": found.site_status[:32],
            "remote_hash": items.hash_of(found.watched),
            "remote_modified_at": found.modified_at,
            "missing_count": 0,
            "metadata": item.metadata | {"fields": items.by_field(found.watched)},
        }
        if revision is not None:
            values["revision"] = revision
        for name, value in values.items():
            setattr(item, name, value)
        item.save(update_fields=[*values, "updated_at"])
        if item.state in {ItemState.GONE, ItemState.NEW, ItemState.RESERVED}:
            advance(item, ItemState.LINKED, table=EXTERNAL_ITEM, now=now, field="state")

    def _page(self, found: SourceItem) -> PageRow:
        label = self._integration.site.settings.get("disclosure") or {}
        html = self._local_links(without_disclosure(without_comments(found.html), label))
        terms = [
            [taxonomy, *self._terms[taxonomy, term_id]]
            for taxonomy, term_id in found.terms
            if (taxonomy, term_id) in self._terms
        ]
        return PageRow(
            row=0,
            url=found.url,
            title=" ".join(found.title.split())[:255],
            meta_description=found.seo.get("description", ""),
            focus_keyword=found.seo.get("focus_keyword", "")[:255],
            word_count=word_count(_TAGS.sub(" ", html)),
            last_modified_at=found.modified_at,
            post={
                "external_id": found.external_id,
                "external_type": found.external_type,
                "status": STATUS_OF.get(found.site_status, "draft"),
                "site_status": found.site_status,
                "slug": found.slug,
                "html": html,
                "excerpt": _TAGS.sub(" ", found.excerpt).strip(),
                "author": found.author,
                "published_at": found.published_at,
                "seo_title": found.seo.get("title", ""),
                "seo_description": found.seo.get("description", ""),
                "terms": terms,
                "is_protected": found.is_protected,
                "picture": {
                    "id": found.picture_id,
                    "url": found.picture_url,
                    "alt": found.picture_alt,
                    "width": found.picture_width,
                    "height": found.picture_height,
                },
            },
        )

    def _local_links(self, html: str) -> str:
        """Links to other articles of ours get their own form back."""
        known = items.articles_by_address(account=self._account, integration=self._integration)

        def local(link: re.Match[str]) -> str:
            content_id = known.get(link[1])
            return f'href="#content-{content_id}"' if content_id else link[0]

        return re.sub(r'href="(https?://[^"]+)"', local, html)
