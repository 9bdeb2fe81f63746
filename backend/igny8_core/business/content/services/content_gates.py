"""The gates over a stored article: what a reviewer should know before approving it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from igny8_core.auth import selectors as identity
from igny8_core.business.content import selectors
from igny8_core.business.content.errors import ImagesMissing
from igny8_core.business.content.models import Content, ContentAttribute, Images
from igny8_core.business.content.services.assemble_article import Article
from igny8_core.business.content.services.check_gates import GateResult, check_gates
from igny8_core.business.content.services.content_text import blocks_of
from igny8_core.business.content.services.duplicates import (
    UNIQUE_HARD,
    UNIQUE_SOFT,
    find_duplicates,
)
from igny8_core.business.content.services.image_plans import ALT_LENGTH
from igny8_core.business.content.services.image_settings import ImageFailure, image_failure
from igny8_core.business.content.states import ImageStatus
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Site

ATTRIBUTES_MAX: Final = 100
ALWAYS_HARD: Final = frozenset({"clean_html"})
"""Of a text that people wrote, everything else is a warning: they answer for it."""


@tenant_atomic()
def content_gates(*, account: Account, content_id: int) -> list[GateResult]:
    """Every gate's result for the stored version of an article; what is hard stops a machine.

    Of a person's text only what would not be safe is hard.

    :raises NotFound: no such article.
    """
    row = selectors.content(account=account, content_id=content_id)
    site = identity.site(account=account, site_id=row.site_id)
    is_machines = row.provenance.get("origin") in {"model", "rules"}
    results = [
        GateResult(r.gate, r.is_hard and (is_machines or r.gate in ALWAYS_HARD), r.problems)
        for r in check_gates(
            as_article(row),
            target_words=row.task.target_word_count if row.task else None,
            attributes=_attributes(account, row),
        )
    ]
    return [
        *results,
        _unique(account, row),
        _images(account, row, site),
        _demo_model(row),
    ]


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


def refuse_unfit(account: Account, row: Content) -> None:
    """Hold an article back that its site wants with its pictures only; in the open block.

    :raises ImagesMissing: one of them waits or failed.
    """
    site = identity.site(account=account, site_id=row.site_id)
    if image_failure(site.settings) != ImageFailure.BLOCK:
        return
    images = Images.objects.for_account(account).filter(LIVE, content_id=row.pk)
    missing = list(images.exclude(status=ImageStatus.GENERATED).values_list("pk", flat=True))
    if missing:
        raise ImagesMissing(
            "Pictures of the article are missing, and its site wants them.",
            content_id=row.pk,
            missing=len(missing),
            image_id=missing[0],
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


def _unique(account: Account, row: Content) -> GateResult:
    report = find_duplicates(account=account, content_id=row.pk)
    if report.unique_percent >= UNIQUE_SOFT:
        return GateResult("unique", is_hard=False, problems=())
    problems = [f"{report.unique_percent} % of the text is on no other page"]
    problems += [f"{one.percent} % is in article {one.content_id}" for one in report.duplicates]
    if report.unique_percent < UNIQUE_HARD:
        problems.append("search engines will take it for a copy")
    return GateResult("unique", is_hard=False, problems=tuple(problems))


def _images(account: Account, row: Content, site: Site) -> GateResult:
    policy = image_failure(site.settings)
    problems = []
    images = Images.objects.for_account(account).filter(LIVE, content=row)
    for image in images.order_by("image_type", "position", "pk"):
        name = f"{image.get_image_type_display()} {image.position}"
        if image.status != ImageStatus.GENERATED:
            problems.append(f"{name}: {image.get_status_display().lower()}")
        elif not image.alt.strip() or len(image.alt) > ALT_LENGTH:
            problems.append(f"{name}: no alternative text")
    return GateResult("images", is_hard=policy == ImageFailure.BLOCK, problems=tuple(problems))


def _demo_model(row: Content) -> GateResult:
    problems = []
    if row.provenance.get("is_demo") and not row.provenance.get("reviewed_by"):
        problems.append("the demo model wrote it, and nobody has read it")
    return GateResult("demo_model", is_hard=True, problems=tuple(problems))
