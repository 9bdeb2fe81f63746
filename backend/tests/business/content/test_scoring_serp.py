"""What pages of others say: terms of texts, advice, and points in a profile of its own."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.content.models import SerpSample
from igny8_core.business.content.services.gather_target import gather_scorable
from igny8_core.business.content.services.scoring_bands import NOT_APPLICABLE
from igny8_core.business.content.services.scoring_messages import fix_text, found_text
from igny8_core.business.content.services.scoring_target import SerpTerm
from igny8_core.business.content.services.scoring_text import language_of
from igny8_core.business.content.services.scoring_total import SCORER_VERSION
from igny8_core.business.content.services.serp_samples import add_serp_sample
from igny8_core.business.content.services.serp_terms import SerpDocument, common_terms
from igny8_core.common.errors import InvalidInput
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW
from tests.make.scoring import score

if TYPE_CHECKING:
    from igny8_core.business.content.services.scoring_total import Score

TEXT = "<p>A salon chair has a headrest and a pump. " + "Zebra zebra zebra. " * 30 + "</p>"


def serp(*terms: tuple[str, int], documents: int = 10, **fields: Any) -> Score:
    return score(
        TEXT,
        target_serp_terms=tuple(SerpTerm(*term) for term in terms),
        target_serp_documents=documents,
        **fields,
    )


# --- terms of texts


def test_terms_are_what_two_pages_have_in_any_form() -> None:
    found = common_terms(
        [
            SerpDocument("Hydraulic pumps lift it. The 40 cm base."),
            SerpDocument("A hydraulic pump! Nothing else."),
            SerpDocument(terms=("Base", "hydraulic pump")),
        ],
        language_of("en"),
    )

    assert found == [("hydraulic pumps", 3)]  # "base" has four letters in the text


def test_a_part_of_a_longer_term_is_none_of_its_own() -> None:
    documents = [SerpDocument("Salon chair covers."), SerpDocument("Salon chair cover; covers.")]

    assert common_terms(documents, language_of("en")) == [("salon chair covers", 2)]


# --- advice


@pytest.mark.parametrize(("documents", "band"), [(39, "all_said"), (40, "missing")])
def test_four_in_ten_pages_make_a_term_common(documents: int, band: str) -> None:
    found = serp(("headrest", 90), ("castors", documents), documents=100)

    assert found.check("advice.serp_terms").band == band
    assert found.check("advice.serp_terms").max == 0
    assert found.scorer_version == SCORER_VERSION


def test_advice_names_what_is_missing_and_never_changes_the_score() -> None:
    without, having = score(TEXT), serp(("headrest", 9), ("castors", 8), ("salon chairs", 10))
    advice = having.check("advice.serp_terms").as_json()

    assert without.check("advice.serp_terms").state is NOT_APPLICABLE
    assert (having.score, having.earned, having.max) == (without.score, without.earned, without.max)
    assert advice["measured"] == {"documents": 10, "terms": 2, "said": 1}  # one is our keyphrase
    assert fix_text(advice["fix"]) == (
        "Say what searchers find on other pages, too: castors (80 %)."
    )
    assert found_text(advice) == "1 of 2 terms that most of 10 pages have."


# --- the profile of its own


@pytest.mark.parametrize(
    ("said", "missing", "earned"),
    [(8, 2, 800), (7, 3, 700), (10, 0, 800), (0, 10, 0)],  # full from 80 %
)
def test_points_for_what_others_say(said: int, missing: int, earned: int) -> None:
    words = [f"word{n}" for n in range(said)]
    terms = [SerpTerm(word, 10) for word in words]
    terms += [SerpTerm(f"other{n}", 10) for n in range(missing)]

    found = score(
        f"{TEXT}<p>{' '.join(words)}.</p>",
        target_serp_terms=tuple(terms),
        target_serp_documents=10,
        target_profile="serp",
    )

    check = found.check("topic.serp_terms")
    assert (check.max, check.earned) == (800, earned)
    assert found.scorer_version == f"{SCORER_VERSION}+serp"


def test_keywords_give_the_points_away() -> None:
    keywords = [("pump", 10), ("castors", 10)]
    base = score(TEXT, target_keywords=keywords)
    other = score(TEXT, target_keywords=keywords, target_profile="serp")

    assert (base.check("topic.keywords").max, other.check("topic.keywords").max) == (1_600, 800)
    assert other.check("topic.serp_terms").state is NOT_APPLICABLE
    lost = other.check("topic.keywords")
    assert lost.fix is not None
    assert sum(term["worth"] for term in lost.fix["params"]["terms"]) <= lost.lost + 100


# --- stored


PAGES = [SerpDocument(terms=("headrest", "castors"))] * 3


@pytest.mark.django_db
def test_the_newest_results_of_the_cluster_are_the_targets() -> None:
    cluster = make_planning.cluster(make_planning.sector(), "salon chair")
    row = make_content.fit_article(cluster.sector, cluster=cluster)
    account = row.account
    for day, pages in ((2, PAGES), (1, [SerpDocument(terms=("old one",))] * 4)):
        add_serp_sample(
            account=account, cluster_id=cluster.pk, market="GB", taken_on=date(2026, 11, day),
            documents=pages, now=NOW,
        )  # fmt: skip

    target = gather_scorable(account=account, content_id=row.pk).target
    row.site.settings = {"scoring": {"profile": "serp"}}
    row.site.save()
    chosen = gather_scorable(account=account, content_id=row.pk).target

    assert target.serp_terms == (SerpTerm("castors", 3), SerpTerm("headrest", 3))
    assert (target.serp_documents, target.profile, chosen.profile) == (3, "base", "serp")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, ""),
        ({"documents": PAGES[:2]}, "documents"),
        ({"documents": PAGES * 7}, "documents"),
        ({"documents": [*PAGES, SerpDocument(" ")]}, "documents.3"),
        ({"documents": [*PAGES, SerpDocument("x" * 100_001)]}, "documents.3"),
        ({"documents": [*PAGES, SerpDocument(terms=("x" * 101,))]}, "documents.3"),
        ({"taken_on": date(2026, 11, 3)}, "taken_on"),
    ],
)
def test_results_have_pages_and_a_day(fields: dict[str, Any], wrong: str) -> None:
    cluster = make_planning.cluster(make_planning.sector(), "salon chair")
    given: dict[str, Any] = {"documents": PAGES, "taken_on": date(2026, 11, 2)} | fields

    def add() -> None:
        add_serp_sample(
            account=cluster.account, cluster_id=cluster.pk, market="GB", now=NOW, **given
        )

    if not wrong:
        add()
    else:
        with pytest.raises(InvalidInput) as refused:
            add()
        assert list(refused.value.data) == [wrong]
    assert SerpSample.unscoped.exists() is not bool(wrong)
