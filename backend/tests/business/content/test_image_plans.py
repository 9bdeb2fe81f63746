"""Pictures inside of articles: planned from the text, made or not, and what a site wants then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.ai.errors import AnswerRefused
from igny8_core.business.billing.models import CreditUsageLog
from igny8_core.business.content.errors import GatesFailed
from igny8_core.business.content.models import Content, Images
from igny8_core.business.content.services.covers import source_type_of
from igny8_core.business.content.services.generation import generate_content
from igny8_core.business.content.services.image_settings import images_wanted
from igny8_core.business.content.services.images import generate_image, plan_images, retry_image
from igny8_core.business.content.services.review import approve_content, submit_for_review
from igny8_core.business.content.states import ImageStatus
from igny8_core.common.errors import ProviderRejected
from tests.business.content.test_images import photograph
from tests.make import content as make_content
from tests.make.content import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def written(account: Account, *, words: int = 900, **images: Any) -> Content:
    """An article of a site with these settings for pictures."""
    cluster = make_content.cluster(account)
    site = cluster.sector.site
    site.settings = {"images": images}
    site.save()
    task = make_content.writing_task(cluster, target_word_count=words)
    return generate_content(
        account=account,
        writing_task_id=task.pk,
        fence=lambda: None,
        clock=lambda: NOW,
        providers=[make_content.writer()],
    )


def planned(content: Content) -> list[Images]:
    ids = plan_images(account=content.account, content_ids=[content.pk], now=NOW)
    rows = Images.unscoped.in_bulk(ids)
    return [rows[pk] for pk in ids]


def make(image: Images, *models: Any) -> Images:
    return generate_image(
        account=image.account,
        image_id=image.pk,
        fence=lambda: None,
        clock=lambda: NOW,
        providers=list(models),
    )


@pytest.mark.parametrize(
    ("chosen", "words", "wanted"),
    [
        ({}, 900, 0),
        ({"images": {"in_article": 2}}, 900, 2),
        ({"images": {"in_article": 99}}, 9_000, 10),
        ({"images": {"in_article": 5}}, 449, 2),
        ({"images": {"in_article": 5}}, 450, 3),
        ({"images": {"in_article": -1}}, 900, 0),
        ({"images": {"in_article": True}}, 900, 0),
        ({"images": {"in_article": "2"}}, 900, 0),
        ({"images": "two"}, 900, 0),
    ],
)
def test_how_many_pictures_a_text_gets(chosen: dict[str, Any], words: int, wanted: int) -> None:
    assert images_wanted(chosen, words=words) == wanted


def test_pictures_stand_between_sections_and_show_what_these_say() -> None:
    account = make_content.rich_account()
    content = written(account, in_article=2, style="Muted colours.")

    cover, *inside = planned(content)

    places = [n for n, block in enumerate(content.blocks) if block["type"] == "image"]
    assert [content.blocks[n]["position"] for n in places] == [0, 1]
    assert all(content.blocks[n + 1]["type"] == "heading" for n in places)
    assert content.html.count('<figure id="image-') == 2
    assert (cover.image_type, cover.position) == ("featured", 0)
    assert [(i.image_type, i.position, i.status) for i in inside] == [
        ("in_article", 0, "pending"),
        ("in_article", 1, "pending"),
    ]
    before = [b["text"] for b in content.blocks[: places[0]] if b["type"] == "heading"]
    assert inside[0].alt == f"Illustration: {before[-1]}"
    said = next(b["text"] for b in content.blocks[: places[0]][::-1] if b["type"] == "paragraph")
    assert inside[0].prompt.startswith(f"{before[-1]}. ")
    assert inside[0].prompt.removeprefix(f"{before[-1]}. ") in said
    assert [image.pk for image in planned(content)] == [cover.pk, *(i.pk for i in inside)]
    assert Images.unscoped.count() == 3


def test_a_model_is_asked_for_what_the_section_says_in_the_sites_style() -> None:
    account = make_content.rich_account()
    content = written(account, in_article=1, style="Muted colours.")
    _cover, inside = planned(content)
    model = photograph()

    made = make(inside, model)

    [request] = model.requests
    assert "Style: Muted colours." in request.prompt
    assert f"The picture: {inside.prompt}" in request.prompt
    made.refresh_from_db()
    assert (made.status, made.alt) == ("generated", inside.alt)
    assert {v["format"] for v in made.variants} == {"avif", "webp", "jpeg"}
    assert made.provenance["prompt"] == "image_cover/v2"


def test_without_a_model_the_section_is_typeset(media: Path) -> None:
    content = written(make_content.rich_account(), in_article=1)
    cover, inside = planned(content)

    made = [make(cover), make(inside)]

    assert made[0].path != made[1].path  # another title
    for image in made:
        image.refresh_from_db()
        for variant in image.variants:
            assert source_type_of((media / variant["path"]).read_bytes()) == "algorithmicMedia"


def refusing() -> Any:
    return photograph(AnswerRefused("The picture was refused."))


def test_an_article_goes_without_a_picture_that_cannot_be_made() -> None:
    account = make_content.rich_account()
    content = written(account)
    [cover] = planned(content)

    with pytest.raises(ProviderRejected):
        make(cover, refusing())

    cover.refresh_from_db()
    assert (cover.status, cover.error) == ("failed", "The picture was refused.")
    submit_for_review(account=account, content_id=content.pk, now=NOW)
    approved = approve_content(account=account, content_id=content.pk, reason="Now.", now=NOW)
    assert approved.approved_version == 1


def test_a_site_may_want_a_drawing_in_its_place_and_pays_nothing(media: Path) -> None:
    account = make_content.rich_account()
    content = written(account, on_failure="placeholder")
    [cover] = planned(content)
    account.refresh_from_db()
    before = account.credits

    made = make(cover, refusing())

    made.refresh_from_db()
    account.refresh_from_db()
    assert (made.status, made.width, made.digital_source_type) == (
        "generated",
        1200,
        "algorithmicMedia",
    )
    assert made.provenance["placeholder_for"] == "The picture was refused."
    assert (media / made.path).is_file()
    assert (account.credits, account.credits_held) == (before, 0)
    assert not CreditUsageLog.unscoped.filter(operation_type="image").exists()
    retry_image(account=account, image_id=made.pk, now=NOW)
    again = make(made, photograph())
    again.refresh_from_db()
    assert (again.provenance["origin"], "placeholder_for" in again.provenance) == ("ai", False)


def test_a_site_may_hold_an_article_back_for_its_pictures() -> None:
    account = make_content.rich_account()
    content = written(account, on_failure="block")
    [cover] = planned(content)
    submit_for_review(account=account, content_id=content.pk, now=NOW)

    with pytest.raises(GatesFailed) as held:
        approve_content(account=account, content_id=content.pk, reason="Now.", now=NOW)
    make(cover, photograph())
    approved = approve_content(account=account, content_id=content.pk, reason="Now.", now=NOW)

    [text] = [text for text in held.value.texts if text.startswith("images: ")]
    assert text.startswith("images: Featured 0: pending. ")
    assert held.value.data["content_id"] == content.pk
    assert approved.approved_version == 1


@pytest.mark.parametrize("place", ["alt", "variants", "provenance", "width"])
def test_the_database_keeps_a_made_image_whole(place: str) -> None:
    from django.db import IntegrityError, transaction

    content = written(make_content.rich_account())
    [cover] = planned(content)
    made = make(cover)
    empty: dict[str, Any] = {"alt": "", "variants": [], "provenance": {}, "width": None}

    with pytest.raises(IntegrityError), transaction.atomic():
        Images.unscoped.filter(pk=made.pk).update(**{place: empty[place]})

    assert ImageStatus(made.status) == ImageStatus.GENERATED
