"""Images of articles: planned as rows, then made one by one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from igny8_core.ai import engine
from igny8_core.ai.errors import CapReached, WorkCancelled
from igny8_core.ai.ports import ANY_TERMS, Usage
from igny8_core.ai.registry import image_providers
from igny8_core.auth import selectors as identity
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.content import selectors
from igny8_core.business.content.models import Images
from igny8_core.business.content.services.covers import (
    HEIGHT,
    RENDERER_VERSION,
    SOURCE_TYPE,
    WIDTH,
    CoverOrder,
    draw_cover,
    encode,
)
from igny8_core.business.content.services.image_files import keep_files, write_variants
from igny8_core.business.content.services.image_plans import (
    ALT_LENGTH,
    plan_images,
    section_at,
)
from igny8_core.business.content.services.image_settings import (
    ImageFailure,
    image_failure,
    image_style,
)
from igny8_core.business.content.services.model_pictures import ask_for_picture
from igny8_core.business.content.states import IMAGE, ImageStatus, ImageType
from igny8_core.common.errors import (
    DomainError,
    InsufficientCredits,
    NotFound,
    StaleState,
    Transient,
)
from igny8_core.common.failpoints import failpoint
from igny8_core.common.soft_delete import lock_rows
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from igny8_core.ai.engine import Finish, Session
    from igny8_core.ai.ports import ImageProvider, Terms
    from igny8_core.auth.models import Account
    from igny8_core.business.content.services.image_encoding import EncodedImage

__all__ = ["ALT_LENGTH", "generate_image", "plan_images", "retry_image"]

OPERATION: Final = "image"
RELATED_TYPE: Final = "image"
ERROR_LENGTH: Final = 1_000


@dataclass(frozen=True)
class _Made:
    """What is in the files of an image, and where it comes from."""

    encoded: list[EncodedImage]
    origin: dict[str, Any]


def generate_image(
    *,
    account: Account,
    image_id: int,
    fence: Callable[[], None],
    clock: Callable[[], datetime],
    lease_token: int = 0,
    terms: Terms = ANY_TERMS,
    providers: Sequence[ImageProvider] | None = None,
) -> Images:
    """Make one planned image: reserve, draw, write the files, store and capture.

    A model makes it where the account or the platform has one for pictures; else it is drawn by
    rule. Safe to repeat: an image that is made is returned, and nothing is drawn or charged.
    Whatever fails, nothing is charged and the article stays as it is. Where a site wants
    placeholders, what no model could make is drawn by rule, free of charge.

    :param fence: called first inside the transaction that stores the image.
    :param terms: limits beyond the account's own, and whether the image is still wanted.
    :param providers: instead of the account's own models.
    :raises NotFound: no such image.
    :raises InsufficientCredits: nothing was drawn.
    :raises CapReached: a limit on spending refuses; nothing was drawn.
    :raises WorkCancelled: the image is no longer wanted.
    :raises ProviderError: the model failed.
    :raises TransitionNotAllowed: the image has failed; ``retry_image`` comes first.
    :raises Transient: the files could not be written, or the model may answer later.
    :raises StaleState: another attempt took over or was faster.
    """
    image, order = _order(account=account, image_id=image_id)
    if image.status == ImageStatus.GENERATED:
        return image

    models: list[ImageProvider] = []
    try:
        models = image_providers(account) if providers is None else list(providers)
        return _make(
            image,
            order,
            models,
            account=account,
            fence=fence,
            clock=clock,
            token=lease_token,
            terms=terms,
        )
    except (StaleState, Transient, InsufficientCredits, CapReached, WorkCancelled):
        raise  # the image waits: the same call may succeed later
    except DomainError as exc:
        if models and order.on_failure == ImageFailure.PLACEHOLDER:
            return _place_drawing(
                account, image, order, fence=fence, reason=exc.message, now=clock()
            )
        if terms.is_cancelled():  # another worker has it by now: the picture is its to make
            raise
        with suppress(NotFound):  # deleted meanwhile
            _fail(account=account, image=image, reason=exc.message, now=clock())
        raise


@tenant_atomic()
def retry_image(*, account: Account, image_id: int, now: datetime) -> Images:
    """Ask for an image again: one that failed, or another one in the place of one that is made.

    :raises NotFound: no such image.
    :raises TransitionNotAllowed: it waits already.
    """
    image = selectors.image(account=account, image_id=image_id)
    advance(
        image,
        ImageStatus.PENDING,
        table=IMAGE,
        now=now,
        expect={"deleted_at": None},
        error="",
        attempt=image.attempt + 1,
    )
    return image


def _key(image: Images) -> str:
    """Of the reservation: one for each time that somebody asked."""
    return f"image:{image.pk}" if image.attempt == 1 else f"image:{image.pk}:{image.attempt}"


@dataclass(frozen=True)
class _Order:
    """What is to be made.

    :ivar style: what the site wants of every picture.
    :ivar on_failure: what becomes of the article when a model cannot make it.
    """

    cover: CoverOrder
    style: str
    on_failure: ImageFailure


@tenant_atomic()
def _order(*, account: Account, image_id: int) -> tuple[Images, _Order]:
    image = selectors.image(account=account, image_id=image_id)
    site = identity.site(account=account, site_id=image.site_id)
    article = image.content
    title = article.title if article else image.alt
    topic = article.primary_keyword or title if article else title
    label = ""
    if article and article.cluster:
        topic = label = article.cluster.name
    if article and image.image_type == ImageType.IN_ARTICLE:
        title = section_at(article.blocks, image.position) or title
    colours = site.settings.get("colours") or {}
    cover = CoverOrder(
        title=title,
        topic=topic,
        label=label,
        site_name=site.name,
        primary=str(colours.get("primary") or ""),
        accent=str(colours.get("accent") or ""),
    )
    return image, _Order(cover, image_style(site.settings), image_failure(site.settings))


def _make(
    image: Images,
    order: _Order,
    models: Sequence[ImageProvider],
    *,
    account: Account,
    fence: Callable[[], None],
    clock: Callable[[], datetime],
    token: int,
    terms: Terms,
) -> Images:
    def work(session: Session) -> _Made:
        encoded, origin = _draw(session, image, order)
        _write(image, encoded)
        failpoint("image.after_files")
        return _Made(encoded, origin)

    def save(made: _Made, finish: Finish) -> Images:
        with tenant(account.pk, durable=True):
            fence()
            keep_files(account.pk)
            _settle(account, image, made, now=clock())
            finish(quantities={"per_images": 1})
            failpoint("image.before_commit")
        return image

    return engine.run(
        account=account,
        credits=AccountCredits(account, caps=terms.caps),
        operation=OPERATION,
        quantities={"per_images": 1},
        idempotency_key=_key(image),
        related_type=RELATED_TYPE,
        related_id=image.pk,
        lease_token=token,
        providers=(),
        image_providers=models,
        work=work,
        save=save,
        is_cancelled=terms.is_cancelled,
        clock=clock,
    )


def _draw(
    session: Session, image: Images, order: _Order
) -> tuple[list[EncodedImage], dict[str, Any]]:
    """The files' contents, and where they come from."""
    if session.image_providers:
        return ask_for_picture(
            session,
            order.cover,
            about=image.prompt,
            style=order.style,
            description=image.alt,
            variant=image.attempt,
        )
    session.note_usage(Usage(provider="rules", model=RENDERER_VERSION))
    return _drawn(image, order)


def _drawn(image: Images, order: _Order) -> tuple[list[EncodedImage], dict[str, Any]]:
    """The picture by rule: no model, no network."""
    files = encode(draw_cover(order.cover).picture, description=image.alt)
    made = {"origin": "rules", "provider": "rules", "model": RENDERER_VERSION}
    return files, made | {"source_type": SOURCE_TYPE}


def _place_drawing(
    account: Account,
    image: Images,
    order: _Order,
    *,
    fence: Callable[[], None],
    reason: str,
    now: datetime,
) -> Images:
    """What is drawn by rule in the place of a picture that no model could make; free of charge."""
    encoded, origin = _drawn(image, order)
    _write(image, encoded)
    with tenant(account.pk, durable=True):
        fence()
        keep_files(account.pk)
        made = _Made(encoded, origin | {"placeholder_for": reason[:ERROR_LENGTH]})
        _settle(account, image, made, now=now, when="placed_at")
    return image


def _write(image: Images, encoded: Iterable[EncodedImage]) -> list[dict[str, Any]]:
    return write_variants(encoded, account_id=image.account_id, site_id=image.site_id)


def _settle(
    account: Account, image: Images, made: _Made, *, now: datetime, when: str = "made_at"
) -> None:
    """The row of a made image; inside the settle transaction."""
    (locked,) = lock_rows(Images, account=account, ids=[image.pk], columns=("account_id",))
    if locked.is_deleted:
        raise NotFound("the image was deleted meanwhile", image_id=image.pk)
    files, origin = _write(image, made.encoded), dict(made.origin)
    main = next(file for file in files if (file["format"], file["width"]) == ("jpeg", WIDTH))
    advance(
        image,
        ImageStatus.GENERATED,
        table=IMAGE,
        now=now,
        expect={"attempt": image.attempt},
        path=main["path"],
        width=WIDTH,
        height=HEIGHT,
        variants=files,
        digital_source_type=origin.pop("source_type"),
        error="",
        provenance=_planned(image.provenance) | origin | {when: now.isoformat()},
    )


def _planned(provenance: dict[str, Any]) -> dict[str, Any]:
    """What stays of an image's record when another one is made in its place."""
    return {name: value for name, value in provenance.items() if name == "planned_at"}


@tenant_atomic()
def _fail(*, account: Account, image: Images, reason: str, now: datetime) -> None:
    """Say why the image cannot be made, unless another attempt was faster."""
    current = selectors.image(account=account, image_id=image.pk)
    if (current.status, current.attempt) == (ImageStatus.PENDING, image.attempt):
        advance(current, ImageStatus.FAILED, table=IMAGE, now=now, error=reason[:ERROR_LENGTH])
