"""Names of the compiled scripts and styles: each carries a hash, so browsers keep them for good."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

DIST: Final = Path(__file__).resolve().parent / "static" / "dist"
MISSING: Final = "The web app's assets are not built: run `make assets`."


def asset_url(name: str) -> str:
    """Address of a compiled file, by its plain name: ``app.css``.

    :raises ImproperlyConfigured: the assets are not built, or hold no such file.
    """
    names = _read() if settings.DEBUG else _known()
    if name not in names:
        raise ImproperlyConfigured(f"There is no compiled file {name!r}. {MISSING}")
    return static(f"dist/{names[name]}")


@cache
def _known() -> dict[str, str]:
    return _read()


def _read() -> dict[str, str]:
    manifest = DIST / "manifest.json"
    if not manifest.exists():
        raise ImproperlyConfigured(MISSING)
    names: dict[str, str] = json.loads(manifest.read_text(encoding="utf-8"))
    return names
