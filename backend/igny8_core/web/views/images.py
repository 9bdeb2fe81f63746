"""Pictures of articles: all of a sector, one of them, made for credits or brought by a person."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from django.http import HttpResponse, HttpResponseNotModified
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.automation.services import requests
from igny8_core.business.billing.services.estimates import Work, estimate
from igny8_core.business.content import selectors
from igny8_core.business.content.services import bin as bins
from igny8_core.business.content.services import upload_image as services
from igny8_core.business.content.services.image_files import read_file
from igny8_core.business.content.services.image_settings import image_failure
from igny8_core.business.content.services.images import ALT_LENGTH, plan_images
from igny8_core.business.content.states import ImageStatus, ImageType
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.web.lists import ids_of, one_of, page_number, page_of, text, whole
from igny8_core.web.screens import SectorRequest, dialog, done, render_screen, screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.files.uploadedfile import UploadedFile

CHANGED: Final = "images-changed"
PAGE_ROWS: Final = 24
MAX_AT_ONCE: Final = 50
MEDIA_TYPES: Final = {"webp": "image/webp", "jpeg": "image/jpeg", "png": "image/png",
                      "avif": "image/avif"}  # fmt: skip
KEPT: Final = "private, max-age=31536000, immutable"
VIEWS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "all": ("All", {}),
    "failed": ("Failed", {"status": ImageStatus.FAILED}),
    "pending": ("Waiting", {"status": ImageStatus.PENDING}),
    "generated": ("Made", {"status": ImageStatus.GENERATED}),
    "silent": ("Without a description", {"alt": ""}),
}
TYPES: Final = {
    ImageType.FEATURED: "Cover",
    ImageType.IN_ARTICLE: "In the text",
    ImageType.COVER: "Book cover",
}
ORIGINS: Final = {
    "rules": "Drawn by rule on this machine",
    "model": "Made by a model",
    "person": "Brought by a person",
}


def shown_image(row: Any) -> dict[str, Any]:
    """An image as cards and dialogs show it."""
    origin = str(row.provenance.get("origin", ""))
    return {
        "row": row,
        "type": TYPES[ImageType(row.image_type)],
        "digest": PurePosixPath(row.path).name.partition("-")[0],
        "is_made": row.status == ImageStatus.GENERATED and bool(row.variants),
        "origin": ORIGINS.get(origin, ""),
        "is_ours": origin != "person",
    }


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def images(request: SectorRequest) -> HttpResponse:
    """The gallery, newest first."""
    view, q = one_of(request.GET, "view", VIEWS) or "all", text(request.GET, "q")
    kind = one_of(request.GET, "type", ImageType.values)
    wanted: dict[str, Any] = {"sector": request.sector, **VIEWS[view][1]}
    if kind:
        wanted["image_type"] = kind
    if q:
        wanted["content__title__icontains"] = q
    rows = selectors.images(account=request.account, **wanted).select_related("content", "task")
    rows = rows.defer("content__html", "content__blocks", "content__provenance")
    page = page_of(rows, page_number(request.GET), page_rows=PAGE_ROWS)
    context = {
        "page": page,
        "images": [shown_image(row) for row in page.rows],
        "view": view,
        "views": [(key, label) for key, (label, _) in VIEWS.items()],
        "q": q,
        "kind": kind,
        "kinds": [(one.value, TYPES[one]) for one in ImageType],
        "policy": image_failure(request.site.settings).label,
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return render_screen(request, "writing/images.html", part="grid", context=context)


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def image(request: SectorRequest, image_id: int) -> HttpResponse:
    """One picture with its files, where it comes from, and what is said of it."""
    return _dialog(request, _found(request, image_id))


def _dialog(
    request: SectorRequest, row: Any, *, error: InvalidInput | None = None, status: int = 200
) -> HttpResponse:
    names = ("alt", "caption", "prompt")
    given = {name: request.POST.get(name, getattr(row, name)) for name in names}
    context = {
        "image": shown_image(row),
        "given": given,
        "error": error,
        "alt_max": ALT_LENGTH,
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return dialog(request, "writing/image_dialog.html", context=context, status=status)


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def image_file(request: SectorRequest, image_id: int) -> HttpResponse:
    """The bytes of a picture: the narrowest file of at least ``?w=``, else the widest."""
    row = _found(request, image_id)
    found = read_file(
        account_id=request.account.pk,
        variants=row.variants,
        kinds=tuple(MEDIA_TYPES),
        width=whole(request.GET, "w") or 0,
    )
    is_named = bool(found.digest) and text(request.GET, "v") == shown_image(row)["digest"]
    headers = {
        "ETag": f'"{found.digest}"',
        "Cache-Control": KEPT if is_named else "private, no-cache",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return HttpResponseNotModified(headers=headers)
    return HttpResponse(found.data, content_type=MEDIA_TYPES[found.format], headers=headers)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def change(request: SectorRequest, image_id: int) -> HttpResponse:
    """What is said of a picture, and what a model is to show; another file if one is sent."""
    row = _found(request, image_id)
    said = {name: request.POST[name] for name in ("alt", "caption") if name in request.POST}
    try:
        if file := request.FILES.get("file"):
            _replace(request, row, file, said)
        else:
            if "prompt" in request.POST and row.status != ImageStatus.GENERATED:
                said["prompt"] = request.POST["prompt"]
            services.edit_image(account=request.account, image_id=row.pk, changes=said)
    except InvalidInput as exc:
        return _dialog(request, row, error=exc, status=exc.http_status)
    return done(request, "Saved.", to=_back(request, row), event=CHANGED)


def _replace(
    request: SectorRequest, row: Any, file: UploadedFile[bytes], said: dict[str, str]
) -> None:
    services.replace_image(
        account=request.account,
        image_id=row.pk,
        data=file.read(services.MAX_BYTES + 1),
        file_name=file.name or "",
        user_id=request.user.pk,
        now=timezone.now(),
        **said,
    )


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def make(request: SectorRequest) -> HttpResponse:
    """Have pictures made, made again, or others made in their place: the price first."""
    given, now = request.POST.get("ids", ""), timezone.now()
    chosen = _chosen(request, ids_of(given, limit=MAX_AT_ONCE))
    if request.POST.get("confirmed") == "1":
        for row in chosen:
            requests.request_image(account=request.account, image_id=row.pk, now=now)
        noun = "picture is" if len(chosen) == 1 else "pictures are"
        said = f"{len(chosen)} {noun} queued."
        return done(request, said, to=_back(request, chosen[0]), event=CHANGED)
    works = [Work("image", {"per_images": 1}, len(chosen))]
    context = {
        "ids": given,
        "rows": chosen,
        "price": estimate(account=request.account, works=works, now=now),
        "is_new": all(row.status != ImageStatus.GENERATED for row in chosen),
    }
    return dialog(request, "writing/image_make_dialog.html", context=context)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def plan(request: SectorRequest, content_id: int) -> HttpResponse:
    """Plan the cover of an article, and the pictures that its text has a place for. Free."""
    article = _article(request, content_id)
    waiting = plan_images(account=request.account, content_ids=[article.pk], now=timezone.now())
    noun = "picture waits" if len(waiting) == 1 else "pictures wait"
    said = f"{len(waiting)} {noun} to be made." if waiting else "Every picture is made already."
    return done(request, said, to=_panel(request, article.pk), event=CHANGED)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def upload(request: SectorRequest, content_id: int) -> HttpResponse:
    """Bring a picture for an article."""
    article = _article(request, content_id)
    file = request.FILES.get("file")
    if file is None:
        raise InvalidInput("Choose a file first.", file=["JPEG, PNG, WebP or GIF."])
    services.upload_image(
        account=request.account,
        data=file.read(services.MAX_BYTES + 1),
        file_name=file.name or "",
        alt=request.POST.get("alt", ""),
        image_type=one_of(request.POST, "type", ImageType.values) or ImageType.IN_ARTICLE,
        content_id=article.pk,
        user_id=request.user.pk,
        now=timezone.now(),
    )
    return done(request, "The picture is in.", to=_panel(request, article.pk), event=CHANGED)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def delete(request: SectorRequest) -> HttpResponse:
    """Pictures go into the bin."""
    ids = ids_of(request.POST.get("ids", ""), limit=MAX_AT_ONCE)
    chosen = _chosen(request, ids)
    bins.delete_images(account=request.account, ids=ids, now=timezone.now())
    address = reverse("image_restore", args=[request.site.pk, request.sector.pk])
    undo = {"label": "Undo", "url": address, "values": {"ids": ",".join(map(str, ids))}}
    noun = "picture is" if len(ids) == 1 else "pictures are"
    said = f"{len(ids)} {noun} in the bin."
    return done(request, said, to=_back(request, chosen[0]), event=CHANGED, undo=undo)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def restore(request: SectorRequest) -> HttpResponse:
    """Take pictures out of the bin."""
    ids = ids_of(request.POST.get("ids", ""), limit=MAX_AT_ONCE)
    if not ids:
        raise InvalidInput("There is nothing to take back.")
    bins.restore_images(account=request.account, ids=ids, now=timezone.now())
    return done(request, "Taken back.", to=_list(request), event=CHANGED)


def _chosen(request: SectorRequest, ids: Sequence[int]) -> list[Any]:
    if not ids:
        raise InvalidInput("Choose pictures first.")
    rows = selectors.images(account=request.account, sector=request.sector)
    found = list(rows.filter(pk__in=ids).order_by("pk"))
    if len(found) != len(ids):
        raise Conflict("Some of these pictures are gone.")
    return found


def _found(request: SectorRequest, image_id: int) -> Any:
    found = selectors.image(account=request.account, image_id=image_id)
    if found.sector_id != request.sector.pk:
        raise NotFound("no such image", image_id=image_id)
    return found


def _article(request: SectorRequest, content_id: int) -> Any:
    found = selectors.content(account=request.account, content_id=content_id)
    if found.sector_id != request.sector.pk:
        raise NotFound("no such article", content_id=content_id)
    return found


def _list(request: SectorRequest) -> str:
    return reverse("images", args=[request.site.pk, request.sector.pk])


def _panel(request: SectorRequest, content_id: int) -> str:
    """The pictures beside their article."""
    address = reverse("content", args=[request.site.pk, request.sector.pk, content_id])
    return f"{address}?panel=images"


def _back(request: SectorRequest, row: Any) -> str:
    return _panel(request, row.content_id) if row.content_id else _list(request)
