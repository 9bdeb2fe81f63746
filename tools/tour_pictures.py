"""Pictures of the guided tour, out of those that the browser took: ``make screenshots``.

Run ``python tools/tour_pictures.py``: every picture that ``docs/tour.md`` names is made of the
light one in ``screenshots/``, smaller. Exits 1 when one is missing there.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "tour.md"
NAMED = re.compile(r"\(img/tour/([a-z-]+)\.webp\)")
WIDTH = 1200


def names(page: str) -> list[str]:
    """Screens that the page shows, in its order."""
    return NAMED.findall(page)


def main(taken: Path, folder: Path) -> int:
    """Write the pictures; says which are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = 0
    for name in names(PAGE.read_text(encoding="utf-8")):
        source = taken / f"{name}-light.png"
        if not source.is_file():
            sys.stderr.write(f"{source}: run `make screenshots`\n")
            missing += 1
            continue
        with Image.open(source) as picture:
            height = round(picture.height * WIDTH / picture.width)
            picture.resize((WIDTH, height)).save(folder / f"{name}.webp", quality=82)
    return int(missing > 0)


if __name__ == "__main__":
    sys.exit(main(ROOT / "screenshots", ROOT / "docs" / "img" / "tour"))
