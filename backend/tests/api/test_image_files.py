"""The bytes of images through the API: which file, for whom, for how long; and another picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from igny8_core.auth.states import Role
from igny8_core.business.content.models import Images
from igny8_core.business.content.states import ImageStatus
from tests.api.callers import Api, api
from tests.api.test_images import article, editor, media, picture, upload
from tests.make import content as make_content
from tests.make import planning as make_planning

if TYPE_CHECKING:
    from igny8_core.business.content.models import Content

__all__ = ["article", "editor", "media"]

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


def made(editor: Api, article: Content) -> dict[str, Any]:
    found: dict[str, Any] = upload(editor, picture(), content=article.pk).json()
    return found


def stored(image: dict[str, Any], kind: str, width: int) -> bytes:
    [file] = [v for v in image["variants"] if (v["format"], v["width"]) == (kind, width)]
    return (Path(settings.MEDIA_ROOT) / str(file["path"])).read_bytes()


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ({}, "*/*", ("jpeg", 900)),
        ({}, "image/avif,image/webp,image/*,*/*;q=0.8", ("avif", 900)),
        ({}, "image/webp", ("webp", 900)),
        ({"width": 300}, "application/json", ("jpeg", 400)),
        ({"width": 401, "format": "webp"}, "*/*", ("webp", 800)),
        ({"width": 5000, "format": "avif"}, "*/*", ("avif", 900)),
    ],
)
def test_the_file_that_fits_is_answered(
    query: dict[str, Any], accept: str, expected: tuple[str, int], editor: Api, article: Content
) -> None:
    kind, width = expected
    image = made(editor, article)

    answer = editor.client.get(
        f"/api/v1/accounts/{article.account_id}/images/{image['id']}/file/",
        query,
        headers={"Accept": accept},
    )

    assert answer.status_code == 200
    assert answer["Content-Type"] == f"image/{kind}"
    assert answer.content == stored(image, kind, width)
    assert answer["Cache-Control"] == "private, no-cache"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Content-Disposition"] == f'inline; filename="{image["id"]}-{width}.{kind}"'
    assert "Accept," in answer["Vary"]


def test_what_the_client_has_is_not_sent_again(editor: Api, article: Content) -> None:
    image = made(editor, article)
    path = f"/api/v1/accounts/{article.account_id}/images/{image['id']}/file/"
    first = editor.client.get(path)

    again = editor.client.get(path, headers={"If-None-Match": first["ETag"]})
    other = editor.client.get(path, headers={"If-None-Match": '"another"'})

    assert (again.status_code, again.content) == (304, b"")
    assert again["Cache-Control"] == "private, no-cache"
    assert (other.status_code, other["ETag"]) == (200, first["ETag"])


def test_with_its_digest_a_file_is_kept_for_good(editor: Api, article: Content) -> None:
    image = made(editor, article)

    named = editor.get(f"images/{image['id']}/file/", v=image["digest"])
    stale = editor.get(f"images/{image['id']}/file/", v="0" * 32)

    assert named["Cache-Control"] == "private, max-age=31536000, immutable"
    assert stale["Cache-Control"] == "private, no-cache"


def test_who_may_see_the_image_may_see_its_bytes(editor: Api, article: Content) -> None:
    image = made(editor, article)
    stranger = api(make_planning.sector().account, Role.OWNER)
    path = f"/api/v1/accounts/{article.account_id}/images/{image['id']}/file/"

    assert api(article.account, Role.VIEWER).client.get(path).status_code == 200
    assert stranger.client.get(path).status_code == 404
    assert stranger.get(f"images/{image['id']}/file/").status_code == 404
    assert make_anonymous().get(path).status_code == 401


def make_anonymous() -> Any:
    from django.test import Client

    return Client()


def test_of_an_image_that_waits_or_is_lost_there_is_no_file(
    editor: Api, article: Content, media: Path
) -> None:
    waiting = make_content.image(article)
    image = made(editor, article)
    for file in media.rglob("*.*"):
        file.unlink()
    escaping = {"path": f"{article.account_id}/../../secret", "format": "jpeg", "width": 1}
    (media.parent / "secret").write_bytes(b"secret")
    Images.unscoped.filter(pk=waiting.pk).update(variants=[escaping])

    answers = [editor.get(f"images/{pk}/file/") for pk in (waiting.pk, image["id"])]
    refused = editor.get(f"images/{image['id']}/file/", format="gif")

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["code"] == "not_found"
    assert refused.status_code == 422


# --- another picture


@pytest.mark.parametrize("status", ["pending", "failed", "generated"])
def test_a_picture_takes_the_place_of_an_image(
    status: str, editor: Api, article: Content, media: Path
) -> None:
    image = make_content.image(article, alt="Cover: Sofas", error="Why.")
    if status == "generated":
        Images.unscoped.filter(pk=image.pk).delete()
        image = Images.unscoped.get(pk=made(editor, article)["id"])
    elif status == "failed":
        Images.unscoped.filter(pk=image.pk).update(status=ImageStatus.FAILED)
    before = {variant["path"] for variant in image.variants}

    file = SimpleUploadedFile("new.png", picture((640, 480)))
    found = editor.upload(f"images/{image.pk}/replace/", file=file, caption="New.").json()

    assert (found["status"], found["width"], found["height"]) == ("generated", 640, 480)
    assert (found["alt"], found["caption"], found["error"]) == (image.alt, "New.", "")
    assert (found["attempt"], found["provenance"]["origin"]) == (2, "person")
    assert not before & {variant["path"] for variant in found["variants"]}
    assert all((media / variant["path"]).is_file() for variant in found["variants"])


def test_what_is_no_picture_replaces_none(editor: Api, article: Content) -> None:
    image = made(editor, article)

    answer = editor.upload(
        f"images/{image['id']}/replace/", file=SimpleUploadedFile("x.png", b"no picture")
    )

    assert answer.status_code == 422
    assert editor.get(f"images/{image['id']}/").json()["digest"] == image["digest"]
