"""Articles that can become better, and models that rewrite them: well, badly, or maliciously."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from igny8_core.ai.ports import Capabilities
from igny8_core.ai.providers.fake import FakeProvider
from igny8_core.business.content.models import Content, ContentAttribute, ContentClusterMap
from igny8_core.business.content.services.article_blocks import parse_blocks, render_html
from igny8_core.business.content.services.scoring_document import PageInput, read_page
from igny8_core.business.content.services.scoring_target import (
    Target,
    TargetAttribute,
    TargetKeyword,
)
from igny8_core.business.content.services.scoring_total import score_page
from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.business.optimization.services.drafts import Draft
from igny8_core.business.optimization.services.optimize_content import optimize_content
from igny8_core.business.optimization.services.passages import text_form
from tests import make
from tests.make import content as make_content
from tests.make.content import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.ai.ports import TextRequest
    from igny8_core.business.planning.models import Clusters

KEYWORD = "salon chair"
MISSED = "hydraulic base"
_OFFERED = re.compile(r"^(p\d+) \((\w+)(, stays as it is)?\): (.*)$", re.MULTILINE)
FILLER = (
    "Good seats last for many years when they are looked after. However, most people buy too fast."
    " Padding tells a lot about the maker. Therefore press it with a thumb and wait."
    " Covers wear out first. For example, light fabric shows every stain within a month."
    " A quiet lever is a sign of care. In addition, it should move without any force."
    " Owners forget the floor. Because soft floors give way, wide feet help."
)
BLOCKS: list[dict[str, Any]] = [
    {"id": "b1", "type": "paragraph", "text": f"A salon chair is a long decision. {FILLER}"},
    {"id": "b2", "type": "heading", "text": "How to choose a salon chair"},
    {
        "id": "b3",
        "type": "paragraph",
        "text": "It costs € 249 since 2 May 2026 and weighs 21 kg. Ask Maria Keller at the barber"
        f" school for more. {FILLER.replace('Good', 'Fine').replace('most', 'some')}",
        "links": [{"content_id": 0, "anchor": "barber school"}],
    },
    {"id": "b4", "type": "heading", "text": "What the cover is made of"},
    {
        "id": "b5",
        "type": "paragraph",
        "text": FILLER.replace("Padding", "Leather").replace("seats", "covers")
        .replace("Owners", "Buyers").replace("lever", "seam").replace("first", "early"),
    },
]  # fmt: skip


def cluster(credits: int = 1_000) -> Clusters:  # noqa: A002 - the product's word
    """A cluster whose account can pay."""
    account = make_content.rich_account(credits) if credits else make.account()
    return make_content.cluster(account, KEYWORD, MISSED)


def article(cluster: Clusters, **fields: Any) -> Content:
    """A draft of blocks that misses a keyword of its cluster, with figures, a name and a link."""
    linked = make_content.article(cluster.sector, title="Barber school", slug="barber-school")
    blocks = json.loads(json.dumps(fields.pop("blocks", BLOCKS)))
    for block in blocks:
        for link in block.get("links", ()):
            link["content_id"] = linked.pk
    fields.setdefault("primary_keyword", KEYWORD)
    fields.setdefault("title", "Choosing well")
    fields.setdefault("meta_title", "Salon chair: choosing well")
    fields.setdefault(
        "meta_description",
        "A salon chair is a long decision. What to look at before buying one: padding, cover,"
        " lever, base and floor, in plain words.",
    )
    fields.setdefault("slug", "salon-chair")
    row = make_content.article(cluster.sector, cluster=cluster, blocks=blocks, **fields)
    ContentClusterMap.unscoped.create(content=row, cluster=cluster, role="supporting")
    ContentAttribute.unscoped.create(
        content=row, attribute_type="product_spec", name="Weight", value="21", unit="kg"
    )
    return row


def html_article(cluster: Clusters, **fields: Any) -> Content:
    """The same as HTML from elsewhere, with a link, emphasis, a picture and a quote."""
    plain = [{k: v for k, v in block.items() if k != "links"} for block in BLOCKS]
    html = render_html(parse_blocks(plain)).replace(
        "barber school", '<a href="https://school.test/a?b=1&amp;c=2" rel="nofollow">barber'
        " <em>school</em></a>",
    )  # fmt: skip
    html += '<figure><img src="/m/a.png" alt="A salon chair"></figure><pre>code  stays</pre>'
    row = article(cluster, **fields)
    Content.unscoped.filter(pk=row.pk).update(html=html, blocks=[])
    row.refresh_from_db()
    return row


class Reviser(FakeProvider):
    """A model that rewrites each passage it is offered with a function.

    :param rewrite: kind and text of a passage to its new text; None leaves it out.
    :param added: what it adds after its first passage, as kind and text.
    """

    def __init__(
        self,
        rewrite: Callable[[str, str], str | None],
        *,
        added: list[tuple[str, str]] | None = None,
        is_demo: bool = False,
        **fields: Any,
    ) -> None:
        super().__init__(capabilities=Capabilities(is_free=True, is_demo=is_demo), **fields)
        self.rewrite, self.added = rewrite, added or []

    def generate(self, request: TextRequest) -> Any:
        with self._lock:
            self._script.append(self._answer(request.user))
        return super().generate(request)

    def _answer(self, user: str) -> str:
        passages = []
        offered = _OFFERED.findall(user)
        for name, kind, is_fixed, text in offered:
            if not is_fixed and (new := self.rewrite(kind, text)) is not None:
                passages.append({"id": name, "text": new})
        added = [{"after": offered[0][0], "kind": kind, "text": text} for kind, text in self.added]
        return json.dumps({"passages": passages, "added": added})


def say_more(kind: str, text: str) -> str | None:
    """A good rewrite: the missed keyword joins the first paragraph that it is asked about."""
    if kind != "paragraph" or MISSED in text:
        return None
    return text.replace("Good seats", f"Good seats on a {MISSED}").replace(
        "Fine seats", f"Fine seats on a {MISSED}"
    )


def task(content: Content, **fields: Any) -> OptimizationTask:
    """An optimisation that waits."""
    made: OptimizationTask = OptimizationTask.unscoped.create(content=content, **fields)
    return made


def optimize(row: OptimizationTask, model: Any = None, **fields: Any) -> OptimizationTask:
    """Do it as a worker would."""
    values: dict[str, Any] = {
        "account": row.account,
        "optimization_task_id": row.pk,
        "fence": lambda: None,
        "clock": lambda: NOW,
        "providers": [model or Reviser(say_more)],
    }
    return optimize_content(**values | fields)


def draft(**fields: Any) -> Draft:
    """An article of blocks in memory, with its target and its score."""
    blocks = json.loads(json.dumps(fields.pop("blocks", BLOCKS)))
    for block in blocks:
        for link in block.get("links", ()):
            link["content_id"] = 7
    html = fields.pop("html", None) or render_html(parse_blocks(blocks))
    target = Target(
        KEYWORD,
        (TargetKeyword(MISSED),),
        (TargetAttribute("product_spec", "Weight", "21", "kg"),),
        role="supporting",
        known_ids=(7, 9),
        hub_ids=fields.pop("hub_ids", ()),
    )
    hubs = fields.pop("hubs", ())
    kept = {} if fields.pop("is_html", False) else {"blocks": blocks}
    fields.setdefault("meta_title", "Salon chair: choosing well")
    fields.setdefault("meta_description", f"A salon chair is a long decision. {'x' * 90}")
    page = PageInput(
        title="Choosing well", html=html, language=fields.pop("language", "en"),
        slug="salon-chair", **fields,
    )  # fmt: skip
    return Draft(
        content_id=1,
        version=1,
        page=page,
        target=target,
        form=text_form(blocks=kept.get("blocks", []), html=html),
        before=score_page(page, target),
        document=read_page(page),
        hubs=hubs,
        values=("21 kg",),
    )
