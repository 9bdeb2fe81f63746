"""Images that a person brings: read as a picture, written anew, so that only pixels remain."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from PIL import Image, ImageOps

from igny8_core.business.content import selectors
from igny8_core.business.content.models import Content, Images, Tasks
from igny8_core.business.content.services.image_encoding import EncodedImage, encode_sizes
from igny8_core.business.content.services.image_files import (
    keep_files,
    remove_files,
    write_variants,
)
from igny8_core.business.content.services.image_plans import ALT_LENGTH
from igny8_core.business.content.states import IMAGE, ImageStatus, ImageType
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.soft_delete import LIVE, lock_rows
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.validation import check_row

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account

MAX_BYTES: Final = 10 * 1024 * 1024
MAX_PIXELS: Final = 40_000_000
MAX_SIDE: Final = 12_000
MIN_SIDE: Final = 16
FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
WIDTHS: Final = (1600, 1200, 800, 400)
CAPTION_LENGTH: Final = 255
POSITION_MAX: Final = 1_000
PROMPT_LENGTH: Final = 1_000
EDITABLE: Final = frozenset({"alt", "caption", "position", "prompt"})


@tenant_atomic()
def upload_image(
    *,
    account: Account,
    data: bytes,
    alt: str,
    caption: str = "",
    image_type: str = ImageType.IN_ARTICLE,
    position: int | None = None,
    content_id: int | None = None,
    task_id: int | None = None,
    file_name: str = "",
    user_id: int | None = None,
    now: datetime,
) -> Images:
    """Store a picture as an image of an article or a writing task, in up to four widths.

    Metadata of the file (place, camera, thumbnails) does not survive, and neither does anything
    behind the picture. Transparency becomes white; of an animation the first frame is taken.

    :param data: JPEG, PNG, WebP or GIF of at most 10 MiB and 40 million pixels.
    :param position: among the images of its type; by default the first that is free.
    :raises InvalidInput: by field: no such picture, no alternative text, nothing to hang on.
    :raises NotFound: no such article or writing task.
    :raises Conflict: another image has the position; ``image_id`` says which.
    :raises Transient: the disk did not take the files.
    """
    row = Images(image_type=image_type, status=ImageStatus.GENERATED)
    _check_texts({"alt": alt, "caption": caption})
    row.alt, row.caption = alt.strip(), caption.strip()
    owner = _owner(account, content_id=content_id, task_id=task_id)
    if content_id is not None:
        row.content_id = owner.pk
    else:
        row.task_id = owner.pk
    row.account_id, row.site_id, row.sector_id = owner.account_id, owner.site_id, owner.sector_id
    encoded = encode_upload(data)
    row.position = _position(account, row, position)
    keep_files(account.pk)
    row.variants = write_variants(encoded, account_id=account.pk, site_id=row.site_id)
    main = next(file for file in row.variants if file["format"] == "jpeg")
    row.path, row.width, row.height = main["path"], main["width"], main["height"]
    row.provenance = {
        "origin": "person",
        "by": user_id,
        "file_name": file_name[:255],
        "made_at": now.isoformat(),
    }
    check_row(row, exclude=["account", "site", "sector", "content", "task"])
    row.save()
    return row


@tenant_atomic()
def replace_image(
    *,
    account: Account,
    image_id: int,
    data: bytes,
    alt: str | None = None,
    caption: str | None = None,
    file_name: str = "",
    user_id: int | None = None,
    now: datetime,
) -> Images:
    """Put a person's picture in the place of an image: one that is made, waits, or failed.

    Its place and type stay. What a worker makes of it meanwhile is not stored or charged.

    :param alt: None keeps what is said of the picture before.
    :raises NotFound: no such image.
    :raises InvalidInput: by field, as for a new picture.
    :raises Transient: the disk did not take the files.
    :raises StaleState: it was made or replaced meanwhile; nothing was changed.
    """
    row = selectors.image(account=account, image_id=image_id)
    texts = {"alt": row.alt if alt is None else alt.strip()}
    texts["caption"] = row.caption if caption is None else caption.strip()
    _check_texts(texts)
    encoded = encode_upload(data)
    before = {row.path, *(str(file.get("path", "")) for file in row.variants)} - {""}
    keep_files(account.pk)
    files = write_variants(encoded, account_id=account.pk, site_id=row.site_id)
    main = next(file for file in files if file["format"] == "jpeg")
    if row.status != ImageStatus.PENDING:
        advance(row, ImageStatus.PENDING, table=IMAGE, now=now, expect={"attempt": row.attempt})
    advance(
        row,
        ImageStatus.GENERATED,
        table=IMAGE,
        now=now,
        expect={"attempt": row.attempt, "deleted_at": None},
        **texts,
        path=main["path"],
        width=main["width"],
        height=main["height"],
        variants=files,
        url="",
        digital_source_type="",
        error="",
        attempt=row.attempt + 1,
        provenance={
            "origin": "person",
            "by": user_id,
            "file_name": file_name[:255],
            "made_at": now.isoformat(),
        },
    )
    if gone := before - {file["path"] for file in files}:
        account_id = account.pk
        transaction.on_commit(lambda: remove_files(account_id=account_id, paths=gone), robust=True)
    return row


@tenant_atomic()
def edit_image(*, account: Account, image_id: int, changes: Mapping[str, Any]) -> Images:
    """Change what is said of an image, or its place among those of its type.

    :param changes: of :data:`EDITABLE`.
    :raises NotFound: no such image.
    :raises InvalidInput: by field; an image that is made has an alternative text.
    :raises Conflict: another image has the position; ``image_id`` says which.
    """
    if unknown := sorted(set(changes) - EDITABLE):
        raise InvalidInput(
            "these fields cannot be set", **{n: ["is not editable"] for n in unknown}
        )
    row = selectors.image(account=account, image_id=image_id)
    texts = {name: value.strip() for name, value in changes.items() if name != "position"}
    _check_texts(texts, is_alt_needed=row.status == ImageStatus.GENERATED)
    for name, value in texts.items():
        setattr(row, name, value)
    if "position" in changes and changes["position"] != row.position:
        _owner(
            account,
            content_id=row.content_id,
            task_id=None if row.content_id else row.task_id,
        )
        row.position = _position(account, row, changes["position"])
    row.save(update_fields=[*changes, "updated_at"])
    return row


def encode_upload(data: bytes) -> list[EncodedImage]:
    """The files of a picture that somebody sent, widest first.

    :raises InvalidInput: too large, not a picture, or a broken one.
    """
    if len(data) > MAX_BYTES:
        raise _refused(f"At most {MAX_BYTES // 1024 // 1024} MiB.")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            width, height = opened.size
            if max(width, height) <= MAX_SIDE and width * height <= MAX_PIXELS:
                opened.verify()
        if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
            raise _refused(f"At most {MAX_PIXELS:,} pixels, and {MAX_SIDE:,} on a side.")
        if min(width, height) < MIN_SIDE:
            raise _refused(f"At least {MIN_SIDE} pixels on a side.")
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            picture = _upright(opened)
    except InvalidInput:
        raise
    except Exception as exc:  # decoders raise anything for a broken file
        raise _refused("No JPEG, PNG, WebP or GIF that can be read.") from exc
    widths = dict.fromkeys(min(width, picture.width) for width in WIDTHS)
    return encode_sizes(picture, widths)


def _upright(opened: Image.Image) -> Image.Image:
    """The first frame as a person sees it: turned as the camera says, on white."""
    turned = ImageOps.exif_transpose(opened)
    if turned.mode in {"RGBA", "LA", "PA"} or "transparency" in turned.info:
        layer = turned.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return turned.convert("RGB")


def _refused(why: str) -> InvalidInput:
    return InvalidInput("this file is not accepted", file=[why])


def _check_texts(texts: Mapping[str, str], *, is_alt_needed: bool = True) -> None:
    limits = {"alt": ALT_LENGTH, "caption": CAPTION_LENGTH, "prompt": PROMPT_LENGTH}
    problems = {
        name: [f"has more than {limits[name]} characters"]
        for name, text in texts.items()
        if len(text) > limits[name]
    }
    if is_alt_needed and not texts.get("alt", "x").strip():
        problems["alt"] = ["is missing"]
    if problems:
        raise InvalidInput("the image cannot be like this", **problems)


def _owner(account: Account, *, content_id: int | None, task_id: int | None) -> Content | Tasks:
    """What the image hangs on, locked: its other images keep their places meanwhile."""
    if (content_id is None) == (task_id is None):
        raise InvalidInput("it hangs on one thing", content=["Name content or task, not both."])
    columns = ("account_id", "site_id", "sector_id")
    owner: Content | Tasks
    if content_id is not None:
        (owner,) = lock_rows(Content, account=account, ids=[content_id], columns=columns)
    else:
        (owner,) = lock_rows(Tasks, account=account, ids=[int(task_id or 0)], columns=columns)
    if owner.is_deleted:
        raise NotFound(f"no such {owner.noun}", id=owner.pk)
    return owner


def _position(account: Account, row: Images, wanted: int | None) -> int:
    """The place that was asked for, or the first free one; the owner is locked."""
    owner = {"content_id": row.content_id} if row.content_id else {"task_id": row.task_id}
    others = Images.objects.for_account(account).filter(LIVE, **owner, image_type=row.image_type)
    if not row.content_id:
        others = others.filter(content=None)
    taken = dict(others.exclude(pk=row.pk).values_list("position", "pk"))
    if wanted is None:
        return next(number for number in range(len(taken) + 1) if number not in taken)
    if wanted > POSITION_MAX:
        raise InvalidInput("too far", position=[f"from 0 to {POSITION_MAX}"])
    if wanted in taken:
        raise Conflict(
            "The position is taken.",
            image_id=taken[wanted],
            position=["Another image of this type has it."],
        )
    return wanted
