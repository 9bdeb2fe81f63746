"""An article while it is made better: its text, its fields, its score for any choice of changes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.content.services.scoring_document import PageInput, read_page
from igny8_core.business.content.services.scoring_total import score_page
from igny8_core.business.optimization.services.passages import Change, text_form

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from igny8_core.business.content.services.gather_target import Scorable
    from igny8_core.business.content.services.scoring_document import Document
    from igny8_core.business.content.services.scoring_target import Target
    from igny8_core.business.content.services.scoring_total import Score
    from igny8_core.business.optimization.services.passages import Composed, TextForm

FIELDS: Final = ("meta_title", "meta_description")
"""Fields that an optimisation may change. The slug stays: it is the page's address."""


@dataclass(frozen=True)
class Hub:
    """A hub page that the article should link to, and the words it may be named by."""

    content_id: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Draft:
    """An article as it was read, with what is needed to change and to score it.

    :ivar version: of the article, and ``content_hash`` of its text: it must still be this one when
        a change is stored.
    """

    content_id: int
    version: int
    page: PageInput
    target: Target
    form: TextForm
    before: Score
    document: Document
    hubs: tuple[Hub, ...] = ()
    voice: str = ""
    values: tuple[str, ...] = field(default=())

    @property
    def content_hash(self) -> str:
        """Names the text."""
        return self.page.hash

    @property
    def language(self) -> str:
        """The language's code, without its region."""
        return self.document.language.code

    def composed(self, changes: Sequence[Change]) -> Composed:
        """The text with changes."""
        return self.form.composed([change for change in changes if change.kind != "field"])

    def page_with(self, changes: Sequence[Change]) -> PageInput:
        """The page with changes."""
        fields: dict[str, Any] = {
            change.field: change.after for change in changes if change.kind == "field"
        }
        return replace(self.page, html=self.composed(changes).html, **fields)

    def score_with(self, changes: Sequence[Change]) -> Score:
        """The score with changes, by the same scorer for the same target."""
        return score_page(self.page_with(changes), self.target)


def make_draft(scorable: Scorable, *, hubs: Sequence[Hub] = (), voice: str = "") -> Draft:
    """Read an article."""
    row, target = scorable.row, scorable.target
    return Draft(
        content_id=row.pk,
        version=row.version,
        page=scorable.page,
        target=target,
        form=text_form(blocks=row.blocks, html=row.html),
        before=score_page(scorable.page, target),
        document=read_page(scorable.page),
        hubs=tuple(hubs),
        voice=voice,
        values=tuple(f"{a.value} {a.unit}".strip() for a in target.attributes),
    )


def figures(score: Score) -> dict[str, Any]:
    """A score as it is stored with an optimisation: the whole explanation."""
    return score.as_json()


def changes_from(stored: Sequence[Mapping[str, Any]]) -> list[Change]:
    """Changes that were stored."""
    return [Change.from_json(one) for one in stored]
