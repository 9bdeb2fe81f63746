"""What is kept of a clustering: its frequencies, and its merges for another granularity."""

from __future__ import annotations

import io
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from igny8_core.business.planning import cluster_selectors
from igny8_core.business.planning.models import ClusterBuild, Keywords
from igny8_core.business.planning.services.cluster_core import PARAMETERS, VERSION
from igny8_core.business.planning.services.cluster_linkage import Tree
from igny8_core.business.planning.services.cluster_plan import Settings
from igny8_core.business.planning.services.cluster_text import base_language
from igny8_core.business.planning.services.cluster_vectors import Frequencies
from igny8_core.business.planning.services.keyword_intents import brand_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from igny8_core.auth.models import Account, Sector, Site
    from igny8_core.business.planning.services.cluster_core import Clustering

BUILDS_KEPT = 3
REBUILD_SHARE = 0.3
"""Of the base: so many more keywords, and a rebuild is worth its price."""

_LEVEL = 6


@dataclass(frozen=True)
class Merges:
    """The tree over a build's keywords.

    :ivar keyword_ids: ascending.
    :ivar node: of each keyword; close variants share one.
    :ivar page: label of each node's page.
    """

    keyword_ids: NDArray[np.int64]
    node: NDArray[np.int32]
    page: NDArray[np.int32]
    tree: Tree

    def topics(self, tau: float) -> NDArray[np.int32]:
        """The label of each keyword's topic at another threshold; takes milliseconds."""
        return self.tree.cut(tau)[self.node]


def pack_merges(keyword_ids: Sequence[int], found: Clustering) -> bytes:
    """The merges of a clustering of these keywords, in their order."""
    order = np.argsort(np.asarray(keyword_ids, np.int64))
    page = np.zeros(len(found.nodes), np.int32)
    page[found.node] = found.page
    file = io.BytesIO()
    np.savez(
        file,
        keyword_ids=np.asarray(keyword_ids, np.int64)[order],
        node=found.node[order],
        page=page,
        parent=found.tree.parent,
        height=found.tree.height,
    )
    return zlib.compress(file.getvalue(), _LEVEL)


def unpack_merges(data: bytes) -> Merges:
    """What :func:`pack_merges` made."""
    with np.load(io.BytesIO(zlib.decompress(data)), allow_pickle=False) as held:
        return Merges(
            keyword_ids=held["keyword_ids"],
            node=held["node"],
            page=held["page"],
            tree=Tree(held["parent"], held["height"]),
        )


def pack_frequencies(known: Frequencies) -> bytes:
    """How often words and stems occur."""
    text = json.dumps([known.total, known.words, known.stems], separators=(",", ":"))
    return zlib.compress(text.encode(), _LEVEL)


def unpack_frequencies(data: bytes) -> Frequencies:
    """What :func:`pack_frequencies` made."""
    total, words, stems = json.loads(zlib.decompress(data))
    return Frequencies(total=total, words=words, stems=stems)


def save_build(
    *,
    account: Account,
    sector: Sector,
    keyword_ids: Sequence[int],
    found: Clustering,
    input_fingerprint: str,
    serp_share: float | None,
    applied_at: datetime | None,
) -> ClusterBuild:
    """Keep a clustering, in the open transaction; of old ones only what they were."""
    build = ClusterBuild(
        account=account,
        site_id=sector.site_id,
        sector=sector,
        clusterer_version=found.version,
        language=found.language,
        parameters=found.parameters | {"serp_share": serp_share},
        topic_tau=found.parameters["topic_tau"],
        input_fingerprint=input_fingerprint,
        keywords_count=len(keyword_ids),
        topics_count=len(set(found.topic.tolist())),
        frequencies=pack_frequencies(found.frequencies),
        merges=pack_merges(keyword_ids, found),
        applied_at=applied_at,
    )
    build.save()
    empty_old_builds(account=account, sector_id=sector.pk)
    return build


def empty_old_builds(*, account: Account, sector_id: int) -> None:
    """Take the bulk out of all builds but the newest few; what they were is kept."""
    rows = ClusterBuild.objects.for_account(account).filter(sector_id=sector_id)
    kept = list(rows.order_by("-pk").values_list("pk", flat=True)[:BUILDS_KEPT])
    base = cluster_selectors.base_build(account=account, sector_id=sector_id)
    bulky = rows.exclude(pk__in=[*kept, *([base.pk] if base else [])]).exclude(merges=b"")
    bulky.update(merges=b"", frequencies=b"")


def added_share(*, account: Account, sector_id: int, build: ClusterBuild | None) -> float:
    """How many keywords were placed since the base, as a share of it; 0 without a base."""
    if build is None:
        return 0.0
    placed = Keywords.objects.for_account(account).filter(
        sector_id=sector_id, deleted_at=None, is_disabled=False, cluster__isnull=False
    )
    more = placed.count() - build.keywords_count
    return max(0.0, more / max(1, build.keywords_count))


def run_settings(
    *, site: Site, build: ClusterBuild | None, serp_share: float | None, **changes: Any
) -> Settings:
    """What a run goes by: the site's language and brand, and the base's figures if they fit."""
    values: dict[str, Any] = {
        "language": site.language,
        "brands": brand_words(name=site.name, domain=site.domain),
        "serp_share": serp_share,
        "topic_tau": build.topic_tau if build is not None else PARAMETERS.topic_tau,
    }
    if (
        build is not None
        and build.frequencies
        and build.clusterer_version == VERSION
        and build.language == base_language(site.language)
    ):
        values["known"] = unpack_frequencies(bytes(build.frequencies))
    return Settings(**(values | changes))
