"""Search results that somebody brings for a cluster: kept as terms, and used by scores."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.content import selectors
from igny8_core.business.content.models import SerpSample
from igny8_core.business.content.services.scoring_target import BASE, SERP, SerpTerm
from igny8_core.business.content.services.scoring_text import language_of
from igny8_core.business.content.services.serp_terms import SerpDocument, common_terms
from igny8_core.business.planning import selectors as planning
from igny8_core.common.errors import InvalidInput
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from igny8_core.auth.models import Account

DOCUMENTS_MIN, DOCUMENTS_MAX = 3, 20
MARKET: Final = re.compile("[A-Z]{2}")
TEXT_LENGTH: Final = 100_000
TERMS_MAX: Final = 300
TERM_LENGTH: Final = 100


@tenant_atomic()
def add_serp_sample(
    *,
    account: Account,
    cluster_id: int,
    market: str,
    taken_on: date,
    documents: Sequence[SerpDocument],
    now: datetime,
) -> SerpSample:
    """Keep what the pages of others say on a cluster. Their texts are read, not stored.

    :param market: the country whose results these are, two capital letters.
    :param documents: 3 to 20 pages, each with a text or with terms.
    :raises NotFound: no such cluster.
    :raises InvalidInput: by field; nothing was written.
    """
    cluster = planning.cluster(account=account, cluster_id=cluster_id)
    _check(documents, market=market, taken_on=taken_on, today=now.date())
    language = language_of(cluster.sector.site.language)
    row = SerpSample(
        account_id=account.pk,
        site_id=cluster.site_id,
        sector_id=cluster.sector_id,
        cluster=cluster,
        market=market,
        taken_on=taken_on,
        documents=len(documents),
        terms=[
            {"text": text, "documents": count} for text, count in common_terms(documents, language)
        ],
    )
    row.save()
    return row


@tenant_atomic()
def delete_serp_sample(*, account: Account, serp_sample_id: int) -> None:
    """Forget what pages of others say; scores are made without it from then on.

    :raises NotFound: no such sample.
    """
    selectors.serp_sample(account=account, serp_sample_id=serp_sample_id).delete()


def serp_of(account: Account, cluster_id: int | None) -> tuple[tuple[SerpTerm, ...], int]:
    """The terms of a cluster's newest sample, and of how many pages they are; in the open block."""
    if cluster_id is None:
        return (), 0
    row = selectors.serp_samples(account=account, cluster=cluster_id).first()
    if row is None:
        return (), 0
    terms = tuple(SerpTerm(str(one["text"]), int(one["documents"])) for one in row.terms)
    return terms, row.documents


def profile_of(settings: Mapping[str, Any]) -> str:
    """``scoring.profile`` of a site: ``serp`` gives points for what others say; else ``base``."""
    found = settings.get("scoring")
    chosen = found.get("profile") if isinstance(found, dict) else None
    return SERP if chosen == SERP else BASE


def _check(documents: Sequence[SerpDocument], *, market: str, taken_on: date, today: date) -> None:
    problems: dict[str, list[str]] = {}
    if not MARKET.fullmatch(market):
        problems["market"] = ["two capital letters, such as DE"]
    if not DOCUMENTS_MIN <= len(documents) <= DOCUMENTS_MAX:
        problems["documents"] = [f"{DOCUMENTS_MIN} to {DOCUMENTS_MAX} pages"]
    for place, document in enumerate(documents):
        if not document.text.strip() and not document.terms:
            problems[f"documents.{place}"] = ["has neither a text nor terms"]
        elif len(document.text) > TEXT_LENGTH or len(document.terms) > TERMS_MAX:
            problems[f"documents.{place}"] = [
                f"at most {TEXT_LENGTH:,} characters and {TERMS_MAX} terms"
            ]
        elif any(len(term) > TERM_LENGTH for term in document.terms):
            problems[f"documents.{place}"] = [f"a term has at most {TERM_LENGTH} characters"]
    if taken_on > today:
        problems["taken_on"] = ["is not over yet"]
    if problems:
        raise InvalidInput("these are no search results", **problems)
