"""Every address of the web app with values that nobody means: refused, and never a bug."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

import igny8_core.web
from tests.routes.addresses import web_routes
from tests.routes.permissions import BODIES, WEB
from tests.routes.test_matrix import undone, values_for
from tests.routes.world import MINE, make_world, whole

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])

ODD = [
    "", "0", "-1", "1", "9" * 19, "9" * 400, "NaN", "1e400", "1.5", "1,2", "\x00", "a\x00b",
    "\u202e", "\U0001f600" * 300, "x" * 5_000, "[" * 500, "null", "on", "all", "merge", "delete",
    "½", "1,2,x", "a b!",
    "2026-02-30", "0001-01-01T00:00", "9999-12-31T23:59:59+00:00", "24:61", "javascript:alert(1)",
    "//evil.test", "https://[::1", "../../etc/passwd", "%00", "admin", "en", "Europe/Berlin", "a@b",
    "<b>", "\r\nX: y", "weekly", "31", "approved",
]  # fmt: skip
FILES = (b"", b"\x00", b"PK\x03\x04x", b"Keyword\nsofa\n")


def names() -> list[str]:
    """What the views read of a request: the quoted words of their lines that do."""
    folder = Path(igny8_core.web.__file__).parent
    lines = "\n".join(file.read_text(encoding="utf-8") for file in sorted(folder.rglob("*.py")))
    reads = r'(?:POST|GET|data|query)(?:\.get|\.getlist)?[(\[,] ?"(\w+)"'
    return sorted(set(re.findall(reads, lines)))


def odd(chance: random.Random, known: list[str], meant: dict[str, Any]) -> dict[str, Any]:
    """A form of which some fields are as they are meant."""
    found = {name: chance.choice([value, chance.choice(ODD)]) for name, value in meant.items()}
    for name in chance.sample(known, chance.choice([3, 20, len(known)])):
        found[name] = chance.choice(ODD)
    if chance.random() < 0.6:
        found["confirmed"] = "1"
    return found


def test_odd_values_are_no_bugs() -> None:
    world, known, wrong = make_world(), names(), {}
    client = world.caller("owner")
    chance = random.Random(8)  # noqa: S311 - the same odd values each time

    for route in web_routes():
        address = f"{route.address(values_for(route, world.mine))}?account={MINE}"
        for method in WEB[route.path]:
            form = odd(chance, known, BODIES.get(f"{method} {route.path}", {}))
            headers = {"HX-Request": "true"} if chance.random() < 0.5 else {}
            with undone():
                if method == "GET":
                    query = {name: str(value)[:200] for name, value in form.items()}
                    query["account"] = str(MINE)
                    answer = whole(client.get(address, query, headers=headers))
                else:
                    form["file"] = SimpleUploadedFile("a\u202e.csv", chance.choice(FILES))
                    answer = client.post(address, form, headers=headers)
            if answer.status_code >= 500 and route.path != "/readyz":
                wrong[f"{method} {route.path}"] = form

    assert wrong == {}
