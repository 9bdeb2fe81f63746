"""The gates over a stored article: what a reviewer should know before approving it."""

from __future__ import annotations

import re
from html import unescape
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from igny8_core.auth import selectors as identity
from igny8_core.business.content import selectors
from igny8_core.business.content.models import (
    Content,
    ContentAttribute,
    ContentClusterMap,
    Images,
    SitePage,
)
from igny8_core.business.content.services.assemble_article import Article
from igny8_core.business.content.services.check_gates import (
    GateResult,
    check_gates,
    run_gate,
)
from igny8_core.business.content.services.content_text import blocks_of
from igny8_core.business.content.services.duplicates import (
    UNIQUE_HARD,
    UNIQUE_SOFT,
    find_duplicates,
)
from igny8_core.business.content.services.image_settings import ImageFailure, image_failure
from igny8_core.business.content.states import ImageStatus
from igny8_core.business.planning.states import ClusterRole
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.url_keys import url_key

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Site

ATTRIBUTES_MAX: Final = 100
SEQUENCES_TO_TELL: Final = 50
"""Of a text with fewer word sequences nobody can say whether it is a copy."""

SOURCES_SHOWN: Final = 5
PAGES_GONE: Final = 400
"""From this status on an address leads nowhere."""

ALWAYS_HARD: Final = frozenset({"clean_html", "headings"})
"""What tells that a machine went wrong is soft where a person wrote the text: they answer for it,
and say why. What would do harm is hard whoever wrote it."""

_HREF: Final = re.compile(r'href="([^"]+)"')
MACHINES: Final = frozenset({"model", "rules"})


@tenant_atomic()
def content_gates(
    *, account: Account, content_id: int, reader_id: int | None = None
) -> list[GateResult]:
    """Every gate's result for the stored version of an article.

    Of a person's text only what would do harm is hard.

    :param reader_id: a person who has read it, besides those that are known.
    :raises NotFound: no such article.
    """
    row = selectors.content(account=account, content_id=content_id)
    return gates_of(account, row, is_read=reader_id is not None)


def gates_of(account: Account, row: Content, *, is_read: bool) -> list[GateResult]:
    """Every gate's result for an article as it is in memory; in the open block.

    :param is_read: whether a person has read it, or does so now.
    """
    site = identity.site(account=account, site_id=row.site_id)
    is_machines = row.provenance.get("origin") in MACHINES
    roles = ContentClusterMap.objects.for_account(account).filter(content=row)
    results = [
        GateResult(r.gate, r.is_hard and (is_machines or r.gate in ALWAYS_HARD), r.problems)
        for r in check_gates(
            as_article(row),
            target_words=row.task.target_word_count if row.task else None,
            attributes=_attributes(account, row),
            is_hub=roles.filter(role=ClusterRole.HUB).exists(),
        )
    ]
    more = (
        ("dead_links", lambda: _dead_links(account, row)),
        ("unique", lambda: _unique(account, row)),
        ("images", lambda: _images(account, row, site)),
        ("disclosure", lambda: _disclosure(row)),
        ("demo_model", lambda: _demo_model(row, is_read=is_read)),
    )
    return results + [run_gate(name, gate) for name, gate in more]


def as_article(row: Content) -> Article:
    """A stored article as the gates see it; of one that is HTML as its blocks would be."""
    return Article(
        title=row.title,
        blocks=blocks_of(row.blocks, row.html),
        html=row.html,
        word_count=row.word_count,
        slug=row.slug,
        meta_title=row.meta_title or row.title,
        meta_description=row.meta_description,
        excerpt=row.excerpt,
        primary_keyword=row.primary_keyword,
        secondary_keywords=tuple(str(text) for text in row.secondary_keywords),
        language=row.language,
        provenance=row.provenance,
    )


def _attributes(account: Account, row: Content) -> list[tuple[str, str]]:
    """Of the article and its writing task, then of its cluster; the nearest counts."""
    rows = ContentAttribute.objects.for_account(account)
    found: dict[str, str] = {}
    near = [rows.filter(content=row)]
    if row.task_id:
        near.append(rows.filter(task_id=row.task_id, content=None))
    if row.cluster_id:
        near.append(rows.filter(cluster_id=row.cluster_id, task=None, content=None))
    for attributes in near:
        for one in attributes.order_by("pk")[:ATTRIBUTES_MAX]:
            found.setdefault(one.name, f"{one.value} {one.unit}".strip())
    return list(found.items())


def _dead_links(account: Account, row: Content) -> tuple[bool, list[str]]:
    """Links to pages of the site that answered with an error when they were last seen."""
    hrefs = {unescape(found) for found in _HREF.findall(row.html)}
    keys = {href: url_key(href) for href in sorted(hrefs) if href.startswith("http")}
    digests = {key.digest: href for href, key in keys.items() if key is not None}
    pages = SitePage.objects.for_account(account).filter(
        site_id=row.site_id, url_hash__in=digests, status_code__gte=PAGES_GONE
    )
    gone = dict(pages.values_list("url_hash", "status_code"))
    return True, [f"{digests[one]} answers {gone[one]}" for one in digests if one in gone]


def _unique(account: Account, row: Content) -> tuple[bool, list[str]]:
    """Below 30 % of its own a copy, which is hard; below 40 % soft.

    The demo model's text has much in common, says so in its label, and is read by a person anyway:
    of it, it is soft.
    """
    report = find_duplicates(account=account, content_id=row.pk)
    is_hard = report.unique_percent < UNIQUE_HARD and not row.provenance.get("is_demo")
    if report.sequences < SEQUENCES_TO_TELL:
        return False, []
    problems = []
    if report.unique_percent < UNIQUE_SOFT:
        problems.append(f"{report.unique_percent} % of the text is on no other page")
        problems += [
            f"{one.percent} % is in article {one.content_id}: {one.title[:60]}"
            for one in report.duplicates[:SOURCES_SHOWN]
        ]
    if not report.is_complete:
        problems.append("not all articles of the site are compared yet: check again")
    return is_hard, problems


def _images(account: Account, row: Content, site: Site) -> tuple[bool, list[str]]:
    """Hard where the site wants an article with its pictures or not at all.

    How long an alternative text may be, and that a picture that is made has one, the database
    holds.
    """
    problems = []
    images = Images.objects.for_account(account).filter(LIVE, content=row)
    for image in images.order_by("image_type", "position", "pk"):
        name = f"{image.get_image_type_display()} {image.position}"
        if image.status != ImageStatus.GENERATED:
            problems.append(f"{name}: {image.get_status_display().lower()}")
        elif not image.alt.strip():
            problems.append(f"{name}: no alternative text")
        elif image.alt.strip().casefold() in _names_of_file(image.path):
            problems.append(f"{name}: its alternative text is the name of its file")
    return image_failure(site.settings) == ImageFailure.BLOCK, problems


def _names_of_file(path: str) -> set[str]:
    file = PurePosixPath(path.casefold())
    return {file.name, file.stem}


def _disclosure(row: Content) -> tuple[bool, list[str]]:
    """It is known of every block of a machine's article who made it."""
    if row.provenance.get("origin") not in MACHINES:
        return True, []
    known = row.provenance.get("blocks") or {}
    unknown = [block["id"] for block in row.blocks if block["id"] not in known]
    return True, [f"nobody knows who wrote block {block_id}" for block_id in unknown]


def _demo_model(row: Content, *, is_read: bool) -> tuple[bool, list[str]]:
    is_read = is_read or bool(row.provenance.get("reviewed_by"))
    if row.provenance.get("is_demo") and not is_read:
        return True, ["the demo model wrote it, and nobody has read it"]
    return True, []
