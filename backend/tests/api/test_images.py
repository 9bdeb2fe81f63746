"""Images through the API: brought by people, planned, made for credits, changed, listed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.content.models import Images
from igny8_core.business.content.services import upload_image
from igny8_core.business.content.states import ImageStatus
from tests import make
from tests.api.callers import Api, api
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.business.content.models import Content

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def article() -> Content:
    cluster = make_planning.cluster(make_planning.sector(make_billing.account_with(100)), "sofas")
    return make_content.article(cluster.sector, cluster=cluster)


@pytest.fixture
def editor(article: Content) -> Api:
    return api(article.account)


def picture(
    size: tuple[int, int] = (900, 600), kind: str = "PNG", mode: str = "RGB", **options: Any
) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, "red" if mode == "RGB" else None).save(out, kind, **options)
    return out.getvalue()


def upload(caller: Api, data: bytes, name: str = "sofa.png", **fields: Any) -> Any:
    body = {"alt": "A red sofa"} | fields
    return caller.upload("images/", file=SimpleUploadedFile(name, data), **body)


# --- brought


def test_a_picture_is_written_anew_in_every_width(
    editor: Api, article: Content, media: Path
) -> None:
    answer = upload(editor, picture(), content=article.pk, caption="Red.", image_type="featured")

    found = answer.json()
    assert answer.status_code == 201
    assert (found["site"], found["sector"], found["content"], found["task"]) == (
        article.site_id,
        article.sector_id,
        article.pk,
        None,
    )
    assert (found["status"], found["image_type"], found["position"]) == ("generated", "featured", 0)
    assert (found["alt"], found["caption"]) == ("A red sofa", "Red.")
    assert (found["width"], found["height"], found["path"]) == (
        900,
        600,
        found["variants"][2]["path"],
    )
    assert [(v["format"], v["width"], v["height"]) for v in found["variants"]] == [
        (kind, width, height)
        for width, height in ((900, 600), (800, 533), (400, 267))
        for kind in ("avif", "webp", "jpeg")
    ]
    for variant in found["variants"]:
        file = media / variant["path"]
        assert file.stat().st_size == variant["size_bytes"]
        with Image.open(file) as opened:
            assert (opened.format, opened.size) == (
                variant["format"].upper(),
                (variant["width"], variant["height"]),
            )
    assert found["provenance"]["origin"] == "person"
    assert found["provenance"]["file_name"] == "sofa.png"


def test_only_pixels_remain_of_a_file(editor: Api, article: Content, media: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif[0x0112] = 6  # turned by a quarter
    data = picture((300, 200), "JPEG", exif=exif.tobytes()) + b"<script>hidden()</script>"

    found = upload(editor, data, "sofa.jpg", content=article.pk).json()

    assert (found["width"], found["height"]) == (200, 300)
    for variant in found["variants"]:
        stored = (media / variant["path"]).read_bytes()
        assert b"SecretCamera" not in stored
        assert b"hidden" not in stored


def test_transparency_becomes_white(editor: Api, article: Content, media: Path) -> None:
    found = upload(editor, picture((40, 40), mode="RGBA"), content=article.pk).json()

    with Image.open(media / found["path"]) as opened:
        assert opened.convert("RGB").getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(("kind", "mode"), [("GIF", "P"), ("WEBP", "RGB"), ("PNG", "L")])
def test_every_format_that_is_named_is_taken(
    kind: str, mode: str, editor: Api, article: Content
) -> None:
    answer = upload(editor, picture((30, 20), kind, mode), f"x.{kind.lower()}", content=article.pk)

    assert (answer.status_code, answer.json()["width"]) == (201, 30)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    "data",
    [
        SVG,
        b"<html><script>1</script></html>",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 100,
        picture()[:500],
        picture((900, 600), "JPEG")[:-400],
        picture((10, 400)),
        picture((20, 20), "BMP"),
        picture((20, 20), "TIFF"),
    ],
)
def test_what_is_no_picture_is_refused(
    data: bytes, editor: Api, article: Content, media: Path
) -> None:
    answer = upload(editor, data, content=article.pk)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["file"])
    assert not Images.unscoped.exists()
    assert not media.exists()


def test_what_is_too_large_is_refused_before_it_is_decoded(
    editor: Api, article: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = bytearray(picture((20, 20)))
    bomb[16:24] = (60_000).to_bytes(4) + (60_000).to_bytes(4)  # the header says so
    wide = picture((12_001, 16), "PNG")
    monkeypatch.setattr(upload_image, "MAX_PIXELS", 400)

    answers = {
        "bomb": upload(editor, bytes(bomb), content=article.pk),
        "wide": upload(editor, wide, content=article.pk),
        "pixels": upload(editor, picture((21, 20)), content=article.pk),
    }
    monkeypatch.setattr(upload_image, "MAX_BYTES", 50)
    answers["bytes"] = upload(editor, picture((20, 20)), content=article.pk)

    assert {name: a.status_code for name, a in answers.items()} == dict.fromkeys(answers, 422)
    assert not Images.unscoped.exists()


def test_a_request_beyond_all_limits_is_not_read(
    editor: Api, article: Content, settings: Any
) -> None:
    settings.MAX_UPLOAD_BYTES = 500

    answer = upload(editor, picture(), content=article.pk)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"alt": ""}, "alt"),
        ({"alt": "x" * 126}, "alt"),
        ({"caption": "x" * 256}, "caption"),
        ({"image_type": "poster"}, "image_type"),
        ({"position": -1}, "position"),
        ({"position": 1_001}, "position"),
        ({"file": ""}, "file"),
    ],
)
def test_what_cannot_be_is_refused_by_field(
    fields: dict[str, Any], field: str, editor: Api, article: Content
) -> None:
    body = {"alt": "x", "content": article.pk, "file": SimpleUploadedFile("a.png", picture())}

    answer = editor.upload("images/", **body | fields)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert not Images.unscoped.exists()


def test_an_image_hangs_on_one_thing(editor: Api, article: Content) -> None:
    task = make_content.writing_task(article.cluster)
    theirs = make_content.article(make_planning.sector())

    nothing = upload(editor, picture())
    both = upload(editor, picture(), content=article.pk, task=task.pk)
    foreign = upload(editor, picture(), content=theirs.pk)
    of_task = upload(editor, picture(), task=task.pk)

    assert (nothing.status_code, list(nothing.json()["errors"])) == (422, ["content"])
    assert (both.status_code, list(both.json()["errors"])) == (422, ["content"])
    assert foreign.status_code == 404
    assert (of_task.status_code, of_task.json()["task"]) == (201, task.pk)


def test_places_are_given_out_and_conflicts_name_the_other_image(
    editor: Api, article: Content
) -> None:
    first, second = (upload(editor, picture(), content=article.pk).json() for _ in range(2))
    editor.delete(f"images/{first['id']}/")
    third = upload(editor, picture(), content=article.pk).json()

    taken = upload(editor, picture(), content=article.pk, position=1)
    moved = editor.patch(f"images/{third['id']}/", {"position": 1})
    free = editor.patch(f"images/{third['id']}/", {"position": 7})

    assert (first["position"], second["position"], third["position"]) == (0, 1, 0)
    for answer in (taken, moved):
        assert (answer.status_code, list(answer.json()["errors"])) == (409, ["position"])
        assert answer.json()["data"] == {"image_id": second["id"]}
    assert free.json()["position"] == 7


# --- changed


def test_what_is_said_of_an_image_changes(editor: Api, article: Content) -> None:
    made = upload(editor, picture(), content=article.pk).json()
    path = f"images/{made['id']}/"

    changed = editor.patch(path, {"alt": " New ", "caption": "C"})
    without = editor.patch(path, {"alt": ""})
    planned = make_content.image(article)
    empty = editor.patch(f"images/{planned.pk}/", {"alt": ""})

    assert (changed.json()["alt"], changed.json()["caption"]) == ("New", "C")
    assert (without.status_code, without.json()["errors"]) == (422, {"alt": ["is missing"]})
    assert (empty.status_code, empty.json()["alt"]) == (200, "")


def test_what_else_is_said_is_not_heard(editor: Api, article: Content) -> None:
    made = upload(editor, picture(), content=article.pk).json()

    editor.patch(f"images/{made['id']}/", {"status": "failed", "path": "../x", "url": "x"})

    row = Images.unscoped.get()
    assert (row.status, row.path, row.url) == ("generated", made["path"], "")


# --- planned and made


def test_covers_are_planned_and_asked_for(editor: Api, article: Content) -> None:
    planned = editor.post("images/plan/", {"contents": [article.pk]})
    again = editor.post("images/plan/", {"contents": [article.pk]})
    (image,) = planned.json()
    path = f"images/{image['id']}/generate/"
    first, second = editor.post(path), editor.post(path)

    assert (planned.status_code, again.json()) == (201, planned.json())
    assert (image["status"], image["content"]) == ("pending", article.pk)
    assert (first.status_code, second.json()) == (202, first.json())
    item = WorkItem.unscoped.get()
    assert (item.kind, item.related_id, item.work_class) == (
        "image.generate",
        image["id"],
        "interactive",
    )


@pytest.mark.parametrize("status", ["failed", "generated"])
def test_an_image_is_made_again(status: str, editor: Api, article: Content) -> None:
    file = {"path": "1/x.jpg", "format": "jpeg", "width": 1, "height": 1, "size_bytes": 1}
    fields: dict[str, Any] = {"path": "1/x.jpg", "width": 1, "height": 1, "error": "Why."}
    fields["variants"] = [file]
    image = make_content.image(article, status=ImageStatus(status), **fields)

    answer = editor.post(f"images/{image.pk}/generate/")

    image.refresh_from_db()
    assert answer.status_code == 202
    assert (image.status, image.attempt, image.error) == ("pending", 2, "")


def test_an_uploaded_image_is_not_drawn_over(editor: Api, article: Content) -> None:
    made = upload(editor, picture(), content=article.pk).json()

    answer = editor.post(f"images/{made['id']}/generate/")

    assert (answer.status_code, answer.json()["code"]) == (409, "transition_not_allowed")
    assert not WorkItem.unscoped.exists()


def test_an_image_costs_credits() -> None:
    article = make_content.article(make_planning.sector())
    image = make_content.image(article, status=ImageStatus.FAILED)
    make_billing.prices()

    answer = api(article.account).post(f"images/{image.pk}/generate/")

    image.refresh_from_db()
    assert (answer.status_code, image.status, image.attempt) == (402, "failed", 1)
    assert not WorkItem.unscoped.exists()


# --- listed


def test_lists_are_narrowed(editor: Api, article: Content) -> None:
    task = make_content.writing_task(article.cluster)
    a = make_content.image(article)
    b = Images.unscoped.create(task=task, alt="x", image_type="cover", status=ImageStatus.FAILED)
    c = make_content.image(make_content.article(make_planning.sector(article.account)))
    gone = make_content.image(article, position=1, deleted_at=NOW)
    hidden = make_content.article(article.sector, deleted_at=NOW)
    make_content.image(hidden)

    found = {
        "all": editor.ids("images/"),
        "id": editor.ids("images/", order="id"),
        "site": editor.ids("images/", site=c.site_id),
        "sector": editor.ids("images/", sector=a.sector_id),
        "content": editor.ids("images/", content=article.pk),
        "task": editor.ids("images/", task=task.pk),
        "status": editor.ids("images/", status="failed"),
        "image_type": editor.ids("images/", image_type="cover"),
        "bin": editor.ids("images/", deleted="true"),
    }

    assert found == {
        "all": [c.pk, b.pk, a.pk],
        "id": [a.pk, b.pk, c.pk],
        "site": [c.pk],
        "sector": [b.pk, a.pk],
        "content": [a.pk],
        "task": [b.pk],
        "status": [b.pk],
        "image_type": [b.pk],
        "bin": [gone.pk],
    }


def test_who_may_do_what(editor: Api, article: Content) -> None:
    image = make_content.image(article)
    viewer, stranger = api(article.account, Role.VIEWER), api(make.account(), Role.OWNER)

    assert viewer.get(f"images/{image.pk}/").status_code == 200
    assert viewer.patch(f"images/{image.pk}/", {"alt": "x"}).status_code == 403
    assert upload(viewer, picture(), content=article.pk).status_code == 403
    assert viewer.post(f"images/{image.pk}/generate/").status_code == 403
    assert stranger.get(f"images/{image.pk}/").status_code == 404
    assert upload(stranger, picture(), content=article.pk).status_code == 404
    assert stranger.post(f"images/{image.pk}/generate/").status_code == 404
    assert editor.get(f"images/{image.pk}/").status_code == 200


def test_the_list_takes_the_same_queries_whatever_its_length(editor: Api, article: Content) -> None:
    editor.get("images/")

    counts = []
    for number in range(2):
        for place in range(3):
            make_content.image(article, position=3 * number + place)
        with CaptureQueriesContext(connection) as seen:
            assert len(editor.get("images/").json()["results"]) == 3 * (number + 1)
        counts.append(len(seen))

    assert counts[0] == counts[1]
