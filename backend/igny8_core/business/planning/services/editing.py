"""The frame of an edit: lock, look, change, let ideas follow, record."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from igny8_core.business.planning.errors import ClusterLocked, ClusterNameTaken
from igny8_core.business.planning.models import (
    KEYWORD_LENGTH,
    ClusterEdit,
    Clusters,
    ContentIdeas,
    Keywords,
)
from igny8_core.business.planning.services.cluster_edits import record_edit
from igny8_core.business.planning.services.cluster_moves import (
    Move,
    Snapshot,
    move_keywords,
    snapshot,
    write_clusters,
)
from igny8_core.business.planning.services.cluster_text import variant_numbers
from igny8_core.business.planning.services.idea_places import (
    Moved,
    follow_keywords,
    reconcile_ideas,
)
from igny8_core.business.planning.services.page_rows import live_keywords, settle_hubs
from igny8_core.business.planning.services.sector_locks import (
    clusters_in_use,
    lock_clusters,
    lock_sector,
    lock_sectors_of,
)
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.text_forms import display_form, is_readable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.planning.services.cluster_pages import PageKeyword
    from igny8_core.business.planning.states import ClusterSource, EditKind


@dataclass
class Editing:
    """An edit that is being made. The sector is locked, everything is in one transaction."""

    account: Account
    sector: Sector
    now: datetime
    clusters: dict[int, Clusters]
    summary: str = ""
    carried: Mapping[str, Any] = field(default_factory=dict)
    moved: list[Moved] = field(default_factory=list)
    made: list[int] = field(default_factory=list)
    edit: ClusterEdit | None = None

    @property
    def saved(self) -> ClusterEdit:
        """The record, once the edit is done."""
        if self.edit is None:
            raise RuntimeError("the edit is not done yet")
        return self.edit

    def place(self, keywords: Sequence[PageKeyword], *, is_pinned: bool | None = None) -> None:
        """Put keywords where they say; every cluster concerned has one hub afterwards."""
        before = {
            k.pk: k
            for k in live_keywords(account=self.account, keyword_ids=[k.pk for k in keywords])
        }
        self._write(keywords, is_pinned=is_pinned)
        for keyword in keywords:
            old = before[keyword.pk]
            if old.cluster_id is not None and old.page is not None:
                new = (keyword.cluster_id or 0, keyword.page or 0)
                self.moved.append(Moved((old.cluster_id, old.page), new))
        concerned = {k.cluster_id for k in (*keywords, *before.values()) if k.cluster_id}
        self.settle_hubs(concerned)

    def take_out(self, keywords: Sequence[PageKeyword], *, is_pinned: bool = True) -> None:
        """Leave keywords without a cluster."""
        out = [replace(k, cluster_id=None, page=None, page_place=0, role="") for k in keywords]
        self._write(out, is_pinned=is_pinned)
        self.settle_hubs({k.cluster_id for k in keywords if k.cluster_id})

    def settle_hubs(self, cluster_ids: Collection[int]) -> None:
        """Give each cluster that has pages exactly one hub."""
        settle_hubs(account=self.account, sector=self.sector, cluster_ids=cluster_ids, now=self.now)

    def _write(self, keywords: Sequence[PageKeyword], *, is_pinned: bool | None = None) -> None:
        language = self.sector.site.language
        variants = variant_numbers([k.keyword for k in keywords], language)
        moves = [
            Move(
                k.pk, k.cluster_id, k.page, k.page_place, k.role,
                variant=variant, is_pinned=is_pinned,
            )
            for k, variant in zip(keywords, variants, strict=True)
        ]  # fmt: skip
        move_keywords(sector=self.sector, moves=moves, now=self.now)

    def follow(self, *, replaced: Mapping[int, int] | None = None) -> None:
        """Let ideas go where their keywords went.

        :param replaced: the new cluster of each one that goes: all its ideas go there.
        """
        follow_keywords(
            account=self.account,
            sector=self.sector,
            moved=self.moved,
            takes_all=replaced is not None,
            now=self.now,
        )
        if replaced:
            rows = ContentIdeas.objects.for_account(self.account).filter(cluster_id__in=replaced)
            for idea in rows.order_by("pk"):  # without a page, or of one that was empty before
                idea.cluster_id, idea.page = replaced[idea.cluster_id], None
                idea.updated_at = self.now
                idea.save(update_fields=["cluster_id", "page", "updated_at"])

    def create(self, name: str, *, source: ClusterSource) -> Clusters:
        """A new, empty cluster.

        :raises ClusterNameTaken: another one has that name.
        """
        cluster = Clusters(sector=self.sector, name=name, source=source, is_named=True)
        try:
            with transaction.atomic():
                cluster.save()
        except IntegrityError as exc:
            raise name_taken(self.account, self.sector.pk, name) from exc
        self.made.append(cluster.pk)
        return cluster

    def rename(self, cluster: Clusters, name: str) -> None:
        """Another name, which later runs keep.

        :raises ClusterNameTaken: another cluster has it.
        """
        cluster.name, cluster.is_named, cluster.updated_at = name, True, self.now
        try:
            with transaction.atomic():
                cluster.save(update_fields=["name", "name_norm", "is_named", "updated_at"])
        except IntegrityError as exc:
            raise name_taken(self.account, self.sector.pk, name) from exc

    def bin(self, cluster: Clusters) -> None:
        """Delete a cluster, softly."""
        row = snapshot(account=self.account, cluster_ids=[cluster.pk]).clusters[cluster.pk]
        write_clusters(account=self.account, rows=[[*row[:-1], False]], now=self.now)

    def is_empty(self, cluster: Clusters) -> bool:
        """Whether no live keyword is in a cluster."""
        return not live_keywords(account=self.account, cluster_ids=[cluster.pk])


@contextmanager
def editing(
    *,
    account: Account,
    sector: Sector,
    kind: EditKind,
    clusters: Sequence[Clusters],
    now: datetime,
    keyword_ids: Collection[int] = (),
    is_deep: bool = True,
    allows_locked: bool = False,
) -> Iterator[Editing]:
    """Lock the sector, run the block, record what it changed in the clusters it names.

    Without a summary nothing is recorded.

    :param clusters: of :func:`locked_clusters`; their rows are locked too and read again here.
    :param keyword_ids: keywords that the block changes beside those of the clusters.
    :param is_deep: whether keywords and ideas of the clusters may change too.
    :raises ClusterLocked: one of the clusters is locked.
    """
    lock_sector(account=account, sector_id=sector.pk)
    lock_clusters(account=account, cluster_ids=[cluster.pk for cluster in clusters])
    edit = Editing(account, sector, now, {cluster.pk: cluster for cluster in clusters})
    for cluster in clusters:
        cluster.refresh_from_db()
        if cluster.is_locked and not allows_locked:
            raise ClusterLocked(
                f"\u201c{cluster.name}\u201d is locked: unlock it first.", cluster_id=cluster.pk
            )
    seen = _seen(account, edit, keyword_ids) if is_deep else (set(keyword_ids), set[int]())
    before = _look(account, edit, *seen)
    yield edit
    if is_deep:
        reconcile_ideas(
            account=account, sector=sector, cluster_ids={*edit.clusters, *edit.made}, now=now
        )
    if not edit.summary:
        return
    after = _look(account, edit, *seen)
    edit.edit = record_edit(
        account=account,
        sector=sector,
        kind=kind,
        summary=edit.summary,
        before=before,
        after=after,
        carried=edit.carried,
    )


def _seen(
    account: Account, edit: Editing, keyword_ids: Collection[int]
) -> tuple[set[int], set[int]]:
    """Keywords and ideas that the edit may touch."""
    keywords = Keywords.objects.for_account(account).filter(
        cluster_id__in=edit.clusters, deleted_at=None
    )
    ideas = ContentIdeas.objects.for_account(account).filter(cluster_id__in=edit.clusters)
    return (
        {*keyword_ids, *keywords.values_list("pk", flat=True)},
        set(ideas.values_list("pk", flat=True)),
    )


def _look(account: Account, edit: Editing, keyword_ids: set[int], idea_ids: set[int]) -> Snapshot:
    return snapshot(
        account=account,
        keyword_ids=keyword_ids,
        cluster_ids={*edit.clusters, *edit.made},
        idea_ids=idea_ids,
    )


def locked_clusters(
    *, account: Account, cluster_ids: Sequence[int], sector: Sector | None = None
) -> list[Clusters]:
    """:func:`live_clusters` with their sector locked: what is read after it stays as it is.

    Whoever reads before the lock writes back where keywords were, and not where they are.
    """
    lock_sectors_of(Clusters, account=account, ids=cluster_ids)
    return live_clusters(account=account, cluster_ids=cluster_ids, sector=sector)


def live_clusters(
    *, account: Account, cluster_ids: Sequence[int], sector: Sector | None = None
) -> list[Clusters]:
    """Clusters of one sector, in the order asked for.

    :raises NotFound: one is unknown, deleted, another account's, or of another sector than asked.
    :raises InvalidInput: they are of two sectors.
    """
    rows = Clusters.objects.for_account(account).filter(pk__in=cluster_ids, deleted_at=None)
    found = {row.pk: row for row in rows.select_related("sector__site")}
    wrong = [
        pk
        for pk in cluster_ids
        if pk not in found or (sector is not None and found[pk].sector_id != sector.pk)
    ]
    if wrong:
        raise NotFound("no such cluster", cluster_id=wrong[0])
    if len({row.sector_id for row in found.values()}) > 1:
        raise InvalidInput("clusters of two sectors", cluster_ids=["choose one sector's"])
    return [found[pk] for pk in cluster_ids]


def next_page(account: Account, cluster: Clusters) -> int:
    """The first number that no page of a cluster has or had."""
    last = -1
    for model in (Keywords, ContentIdeas):
        rows = model.objects.for_account(account).filter(cluster=cluster)
        last = max(last, rows.aggregate(last=Max("page"))["last"] or -1, -1)
        if rows.filter(page=0).exists():
            last = max(last, 0)
    return last + 1


def is_in_use(account: Account, cluster: Clusters) -> bool:
    """Whether ideas, writing tasks or articles stand on a cluster."""
    return bool(clusters_in_use(account=account, cluster_ids=[cluster.pk]))


def check_name(name: str) -> str:
    """A name as it is stored.

    :raises InvalidInput: empty, too long, or unreadable.
    """
    shown = display_form(name)
    if not shown:
        raise InvalidInput("empty name", name=["A name holds at least one letter."])
    if not is_readable(shown):
        raise InvalidInput("unreadable name", name=["Holds characters that nobody can read."])
    if len(shown) > KEYWORD_LENGTH:
        raise InvalidInput("name too long", name=[f"At most {KEYWORD_LENGTH} characters."])
    return shown


def unused_name(account: Account, sector: Sector, texts: Iterable[str]) -> str:
    """The first text that no live cluster bears, else the first one with a number."""
    tried = list(texts)
    rows = Clusters.objects.for_account(account).filter(sector=sector, deleted_at=None)
    taken = set(rows.values_list("name_norm", flat=True))
    number = 2
    for text in tried:
        if text.casefold() not in taken:
            return text
    while f"{tried[0]} {number}".casefold() in taken:
        number += 1
    return f"{tried[0]} {number}"


def name_taken(account: Account, sector_id: int, name: str) -> ClusterNameTaken:
    """The refusal, with the cluster that has the name."""
    rows = Clusters.objects.for_account(account).filter(
        sector_id=sector_id, deleted_at=None, name_norm=name.casefold()[:KEYWORD_LENGTH]
    )
    holder = rows.values_list("pk", flat=True).first()
    return ClusterNameTaken(
        f"Another cluster is called \u201c{name}\u201d.",
        name=[f"The cluster {holder} has the same name."],
        in_the_way=holder,
    )
