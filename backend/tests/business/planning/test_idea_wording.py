"""Ideas worded by a model: asked in batches, checked, and by rules where it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.ai.errors import ProviderUnavailable
from igny8_core.ai.models import AiCall
from igny8_core.ai.ports import Capabilities
from igny8_core.ai.providers.fake import FakeProvider
from igny8_core.business.billing import usage_selectors
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.planning.models import ContentIdeas
from igny8_core.business.planning.services import idea_wording
from igny8_core.business.planning.services.idea_wording import (
    WordedIdea,
    WordedIdeas,
    clean_angle,
    clean_title,
    is_about,
)
from igny8_core.business.planning.services.make_ideas import make_ideas
from igny8_core.common.tenancy.context import tenant
from tests.make import billing as make_billing
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db

PAGES = ("sofa", "sofa cleaning", "sofa legs")


@pytest.fixture
def sector() -> Sector:
    """A topic of three pages, in an account that can pay."""
    make_billing.prices()
    made = make_planning.sector(make_billing.account_with(100))
    cluster = make_planning.cluster(made, "sofas")
    for page, text in enumerate(PAGES):
        role = "supporting" if page else "hub"
        make_planning.keyword(made, text, cluster=cluster, page=page, role=role)
    return made


def answer(*titles: str, angle: str = "For small flats.") -> WordedIdeas:
    return WordedIdeas(
        ideas=[
            WordedIdea(number=number, title=title, angle=angle)
            for number, title in enumerate(titles, start=1)
        ]
    )


def run(sector: Sector, *providers: FakeProvider, **options: Any) -> dict[str, ContentIdeas]:
    made = make_ideas(
        account=sector.account,
        site=sector.site,
        sector=sector,
        clock=lambda: NOW,
        credits=AccountCredits(sector.account),
        providers=providers,
        **options,
    )
    return {idea.target_keyword: idea for idea in made}


def spent(sector: Sector) -> int:
    with tenant(sector.account.pk):
        return sum(
            row.credits for row in usage_selectors.usage_by_operation(account=sector.account)
        )


def test_a_model_words_the_ideas_of_a_topic_in_one_call(sector: Sector) -> None:
    model = FakeProvider([answer("Sofas for Small Flats", "Sofa Cleaning at Home", "Sofa Legs")])

    found = run(sector, model)

    assert [found[text].title for text in PAGES] == [
        "Sofas for Small Flats", "Sofa Cleaning at Home", "Sofa Legs",
    ]  # fmt: skip
    first = found["sofa"]
    assert (first.source, first.description) == ("model", "For small flats.")
    assert first.provenance["model"] == "fake-1"
    assert first.provenance["prompt"] == "idea_titles/v1"
    assert len(first.provenance["input_hash"]) == 64
    assert first.outline != []
    (request,) = model.requests
    assert "] sofa cleaning" in request.user
    assert "Topic: sofas" in request.user
    assert spent(sector) == 1


def test_what_the_model_says_is_checked(sector: Sector) -> None:
    words = WordedIdeas(
        ideas=[
            WordedIdea(number=1, title="Ten garden hoses", angle="x"),
            WordedIdea(number=2, title="<b>Sofa cleaning</b>"),
            WordedIdea(number=3, title='"Sofa Legs, Explained."', angle="See https://x.example"),
            WordedIdea(number=3, title="Sofa Legs again"),
            WordedIdea(number=9, title="Sofa"),
        ]
    )

    found = run(sector, FakeProvider([words]))

    assert [found[text].source for text in PAGES] == ["rules", "rules", "model"]
    legs = found["sofa legs"]
    assert legs.title == "Sofa Legs, Explained"
    assert legs.description.startswith("Serves searches")


def test_two_ideas_never_get_one_title(sector: Sector) -> None:
    found = run(sector, FakeProvider([answer("Sofa Cleaning", "sofa cleaning", "Sofa Legs")]))

    assert [found[text].source for text in PAGES].count("model") == 2


def test_a_model_that_fails_leaves_it_to_rules(sector: Sector) -> None:
    down = ProviderUnavailable("5xx")

    found = run(sector, FakeProvider([down] * 9))

    assert {idea.source for idea in found.values()} == {"rules"}
    assert len(found) == 3
    assert spent(sector) == 1


def test_an_answer_that_is_there_is_not_asked_for_again(
    sector: Sector, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = FakeProvider([answer("Sofas at Home", "Sofa Cleaning at Home", "Sofa Legs at Home")])
    broken = pytest.MonkeyPatch()
    broken.setattr(ContentIdeas.unscoped, "bulk_create", lambda *_a, **_k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(sector, model)
    broken.undo()
    assert spent(sector) == 0

    found = run(sector, model)

    assert len(model.requests) == 1
    assert found["sofa"].title == "Sofas at Home"
    assert AiCall.unscoped.filter(account=sector.account).count() == 1
    assert spent(sector) == 1
    monkeypatch.undo()


def test_a_model_without_a_known_price_is_not_asked(sector: Sector) -> None:
    unknown = FakeProvider(name="nobody", capabilities=Capabilities(is_free=False))

    found = run(sector, unknown)

    assert (len(found), unknown.requests) == (3, [])
    assert spent(sector) == 1


def test_many_ideas_take_several_calls(sector: Sector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idea_wording, "IDEAS_PER_CALL", 2)
    model = FakeProvider([answer("Sofas Today", "Sofa Cleaning Today"), answer("Sofa Legs Today")])

    found = run(sector, model)

    assert len(model.requests) == 2
    assert {idea.source for idea in found.values()} == {"model"}


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (' "Grey  Sofas." ', "Grey Sofas"),
        ("", ""),
        ("x" * 111, ""),
        ("See www.example.com", ""),
        ("A [link](x)", ""),
    ],
)
def test_titles_are_one_line_of_plain_text(text: str, title: str) -> None:
    assert clean_title(text) == title


def test_angles_are_plain_and_titles_are_about_their_keyword() -> None:
    assert clean_angle(" One.\n Two. ") == "One. Two."
    assert clean_angle("x" * 301) == clean_angle("<i>x</i>") == ""
    assert is_about("The Sofa That Fits: Grey and Small", "grey sofa", "en")
    assert not is_about("Garden Hoses", "grey sofa", "en")
