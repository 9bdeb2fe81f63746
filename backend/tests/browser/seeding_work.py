"""What the screens show where people work on content: pictures, topics, times, optimisations."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.test import override_settings
from django.utils import timezone

from igny8_core.auth.services import update_site
from igny8_core.business.content.models import (
    Content,
    ContentAttribute,
    ContentClusterMap,
    ContentTaxonomy,
)
from igny8_core.business.content.services import comments, edit_taxonomies
from igny8_core.business.content.services.article_blocks import (
    blocks_word_count,
    parse_blocks,
    render_html,
)
from igny8_core.business.content.services.images import generate_image
from igny8_core.business.content.services.score_content import score_content
from igny8_core.business.content.states import ContentStatus
from igny8_core.business.planning.models import Keywords
from igny8_core.business.planning.services.recluster import propose_rebuild
from tests.make import content as make_content
from tests.make import optimization as make_optimization

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.auth.models import Sector
    from igny8_core.business.planning.models import Clusters

VOICE = {
    "voice": "Plain and warm. We speak to people who make coffee at home, not to experts.",
    "rules": ["Give weights in grams.", "Say “you”, never “one”."],
    "avoid": ["game-changer", "unlock the secrets"],
    "images": {"in_article": 2, "on_failure": "placeholder", "style": "Photograph, daylight"},
}


def seed_work(
    sector: Sector, clusters: list[Clusters], articles: list[int], media: Path, *, owner: int
) -> Any:
    """Fill the screens of a sector; the ids that addresses need."""
    account, now = sector.account, timezone.now()
    site = update_site(account=account, site_id=sector.site_id, settings=VOICE)
    rows = [Content.unscoped.get(pk=pk) for pk in articles]
    with override_settings(MEDIA_ROOT=str(media)):
        _pictures(rows)
    _topics(sector, clusters, rows)
    _linked(rows)
    _times(rows)
    comments.add_comment(
        account=account,
        content_id=rows[1].pk,
        text="The second section needs a figure.",
        user_id=owner,
    )
    found = _optimisations(clusters[:3])
    proposal = propose_rebuild(
        account=account, site=site, sector=sector, topic_tau=0.52, clock=timezone.now
    )
    for row in rows:
        score_content(account=account, content_id=row.pk, now=now)
    return {**found, "proposal": proposal.pk}


def _pictures(rows: list[Content]) -> None:
    for place, row in enumerate(rows[:6]):
        image = make_content.image(row, image_type="featured", prompt=f"Cover for {row.title}")
        if place < 4:
            generate_image(
                account=row.account, image_id=image.pk, fence=lambda: None, clock=timezone.now,
                providers=[],
            )  # fmt: skip
    make_content.image(
        rows[1], image_type="in_article", status="failed", alt="",
        error="The model refused the request: no brand names.",
    )  # fmt: skip


def _topics(sector: Sector, clusters: list[Clusters], rows: list[Content]) -> None:
    account = sector.account
    made: list[ContentTaxonomy] = []
    for kind, name in (
        ("category", "Brewing"), ("category", "Equipment"), ("tag", "Beginners"),
        ("tag", "Cleaning"), ("tag", "Espresso"),
    ):  # fmt: skip
        made.append(
            edit_taxonomies.create_taxonomy(
                account=account, site_id=sector.site_id, taxonomy_type=kind, name=name,
                description=f"All about {name.lower()}." if kind == "category" else "",
                **({"external_id": "7", "external_taxonomy": "category"}
                   if name == "Equipment" else {}),
            )
        )  # fmt: skip
    for row in rows[:4]:
        edit_taxonomies.set_content_taxonomies(
            account=account, content_id=row.pk, taxonomy_ids=[made[0].pk, made[2].pk]
        )
    for place, (cluster, row) in enumerate(zip(clusters, rows, strict=False)):
        role = "hub" if place % 3 == 0 else "supporting"
        ContentClusterMap.unscoped.create(content=row, cluster=cluster, role=role)
        ContentAttribute.unscoped.create(
            cluster=cluster, attribute_type="product_spec", name="Weight", value=str(2 + place),
            unit="kg", source="Data sheet",
        )  # fmt: skip


def _linked(rows: list[Content]) -> None:
    """The second article names the first and the third, and links to the fourth."""
    names = [row.primary_keyword for row in rows]
    blocks: list[dict[str, Any]] = [
        {"id": "b1", "type": "paragraph", "text": f"Who likes an {names[1]} often owns an"
         f" {names[0]} as well. Start with fresh water and a scale, and write down what you did."},
        {"id": "b2", "type": "heading", "text": f"How an {names[1]} works"},
        {"id": "b3", "type": "paragraph", "text": f"It is quicker than a {names[2]}, and easier to"
         f" clean than a {names[3]}. Rinse it after each cup.",
         "links": [{"content_id": rows[3].pk, "anchor": names[3]}]},
        {"id": "b4", "type": "paragraph", "text": make_content.TEXT * 8},
    ]  # fmt: skip
    parsed = parse_blocks(blocks)
    Content.unscoped.filter(pk=rows[1].pk).update(
        blocks=[block.model_dump(mode="json") for block in parsed],
        html=render_html(parsed),
        word_count=blocks_word_count(parsed),
    )
    text = f"An {names[1]} is not enough for six people. Take a {names[0]} then."
    other = parse_blocks([
        {"id": "b1", "type": "paragraph", "text": text},
        {"id": "b2", "type": "paragraph", "text": make_content.TEXT * 4},
    ])  # fmt: skip
    Content.unscoped.filter(pk=rows[2].pk).update(
        blocks=[block.model_dump(mode="json") for block in other], html=render_html(other),
        word_count=blocks_word_count(other),
    )  # fmt: skip


def _times(rows: list[Content]) -> None:
    now = timezone.now()
    review = [row for row in rows if row.status == ContentStatus.REVIEW]
    for place, row in enumerate(review[:3]):
        approved = row.version if place == 1 else None
        Content.unscoped.filter(pk=row.pk).update(
            publish_at=now + timedelta(days=place + 1, hours=place), approved_version=approved
        )
    for place, row in enumerate(r for r in rows if r.status == ContentStatus.PUBLISHED):
        Content.unscoped.filter(pk=row.pk).update(published_at=now - timedelta(days=place * 2))


def _optimisations(clusters: list[Clusters]) -> dict[str, int]:
    """One to decide on, one accepted, one that failed, one that waits."""
    found: dict[str, int] = {}
    for place, cluster in enumerate(clusters):
        keyword = cluster.name.lower()
        missed = Keywords.unscoped.filter(cluster=cluster).order_by("pk")[1].keyword
        blocks = json.loads(json.dumps(make_optimization.BLOCKS).replace("salon chair", keyword))
        blocks[2]["links"] = []
        article = make_content.article(
            cluster.sector, cluster=cluster, blocks=blocks, primary_keyword=keyword,
            title=f"Choosing an {keyword}", slug=f"choosing-{place}",
            meta_title=f"{cluster.name}: choosing well",
            meta_description=f"An {keyword} is a long decision. What to look at before buying one,"
            " from the base to the lever, in plain words for everybody.",
        )  # fmt: skip
        task = make_optimization.task(article, is_automatic=place == 1)
        if place == 2:
            make_optimization.task(
                make_content.article(cluster.sector, title="Too short to score", cluster=cluster),
                status="failed",
                error="The article cannot be scored. It has fewer than 50 characters of text.",
            )
            continue

        def better(kind: str, text: str, missed: str = missed) -> str | None:
            if kind != "paragraph" or missed in text:
                return None
            return text.replace("Good seats", f"Good seats with {missed}").replace(
                "Fine seats", f"Fine seats with {missed}"
            )

        done = make_optimization.optimize(
            task, make_optimization.Reviser(better), clock=timezone.now
        )
        found["decided" if place else "optimization"] = done.pk
    return found
