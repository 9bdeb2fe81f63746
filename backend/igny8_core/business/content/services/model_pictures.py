"""Pictures that a model makes: asked for through the door, cut to shape, marked as a model's."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from PIL import Image, ImageOps

from igny8_core.ai import prompts
from igny8_core.business.content.services.brief import plain
from igny8_core.business.content.services.covers import HEIGHT, WIDTH, encode

if TYPE_CHECKING:
    from igny8_core.ai.engine import Session
    from igny8_core.business.content.services.covers import CoverOrder
    from igny8_core.business.content.services.image_encoding import EncodedImage

PROMPT: Final = "image_cover"
SOURCE_TYPE: Final = "trainedAlgorithmicMedia"
TITLE_CHARS_MAX: Final = 300
ABOUT_CHARS_MAX: Final = 600


def ask_for_picture(
    session: Session,
    order: CoverOrder,
    *,
    about: str,
    style: str,
    description: str,
    variant: int,
) -> tuple[list[EncodedImage], dict[str, Any]]:
    """The contents of the files, and where they come from. No transaction is open here.

    :param about: what the picture shows, as it was planned from the article.
    :param style: what the site wants of every picture.
    :param description: its alternative text, which every file holds.
    :param variant: another number asks for another picture.
    :raises ProviderError: no model made one.
    """
    prompt = prompts.load(PROMPT).render(
        title=plain(order.title)[:TITLE_CHARS_MAX],
        topic=plain(order.topic)[:TITLE_CHARS_MAX],
        about=plain(about)[:ABOUT_CHARS_MAX],
        style=plain(style),
    )
    made = session.generate_image(prompt, width=WIDTH, height=HEIGHT, variant=variant)
    with Image.open(BytesIO(made.data)) as opened:
        picture = ImageOps.fit(opened.convert("RGB"), (WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    files = encode(picture, description=description, source_type=SOURCE_TYPE)
    return files, {
        "origin": "ai",
        "provider": made.usage.provider,
        "model": made.usage.model,
        "prompt": made.prompt,
        "input_hash": made.request_hash,
        "source_type": SOURCE_TYPE,
    }
