"""Which pictures an article is to have, with what each of them shows: planned as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.content.models import Content, Images
from igny8_core.business.content.services.text_measures import cut_at_word, sentences
from igny8_core.business.content.states import ImageStatus, ImageType
from igny8_core.common.errors import NotFound
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account

ALT_LENGTH: Final = 125
ABOUT_LENGTH: Final = 240


@tenant_atomic()
def plan_images(*, account: Account, content_ids: Sequence[int], now: datetime) -> list[int]:
    """Plan the featured cover of each article, and a picture for each place in its text.

    Safe to repeat: what is planned, made or not, is not planned again.

    :returns: ids of those that are still to be made, in the order of ``content_ids``, covers first.
    :raises NotFound: an article is unknown, deleted or another account's.
    """
    wanted = list(dict.fromkeys(content_ids))
    rows = Content.objects.for_account(account).filter(LIVE, pk__in=wanted)
    locked = rows.select_for_update(of=("self",), no_key=True).select_related("cluster")
    articles = {row.pk: row for row in locked.order_by("pk")}
    if missing := sorted(set(wanted) - set(articles)):
        raise NotFound("no such content", content_id=missing[0])
    known = {
        (row.content_id, row.image_type, row.position): row
        for row in Images.objects.for_account(account).filter(LIVE, content_id__in=wanted)
    }
    waiting: list[int] = []
    for content_id in wanted:
        article = articles[content_id]
        for plan in [_cover(article), *_inside(article)]:
            image = known.get((content_id, plan.image_type, plan.position))
            if image is None:
                image = plan
                image.provenance = {"planned_at": now.isoformat()}
                image.save()
            if image.status == ImageStatus.PENDING:
                waiting.append(image.pk)
    return waiting


def section_at(blocks: Iterable[Mapping[str, Any]], position: int) -> str:
    """The heading of the section that holds the place of a picture; empty when there is none."""
    heading = ""
    for block in blocks:
        if block.get("type") == "heading":
            heading = str(block.get("text", ""))
        if block.get("type") == "image" and block.get("position") == position:
            return heading
    return ""


def _cover(article: Content) -> Images:
    topic = article.cluster.name if article.cluster else article.title
    return Images(
        content=article,
        image_type=ImageType.FEATURED,
        position=0,
        prompt=f"Cover for the article “{article.title}” about {topic}.",
        alt=cut_at_word(f"Cover: {article.title}", ALT_LENGTH),
    )


def _inside(article: Content) -> list[Images]:
    """One for each place in the text: what the section around it says."""
    found: dict[int, Images] = {}
    heading, said = "", ""
    for block in article.blocks:
        kind = block.get("type")
        if kind == "heading":
            heading, said = str(block["text"]), ""
        elif kind == "paragraph":
            said = said or _first_sentence(str(block["text"]))
        elif kind == "image":
            position = int(block.get("position") or 0)
            shown = heading or article.title
            alt = str(block.get("alt") or "") or f"Illustration: {shown}"
            found.setdefault(
                position,
                Images(
                    content=article,
                    image_type=ImageType.IN_ARTICLE,
                    position=position,
                    prompt=f"{shown}. {said}".strip(),
                    alt=cut_at_word(alt, ALT_LENGTH),
                ),
            )
    return list(found.values())


def _first_sentence(text: str) -> str:
    return next((cut_at_word(sentence, ABOUT_LENGTH) for sentence in sentences(text)), "")
