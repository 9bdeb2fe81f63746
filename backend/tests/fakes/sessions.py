"""Sessions of commands in our documentation, typed again: what they say must be what stands there.

``IGNY8_WRITE_SESSIONS=1`` writes what they say into the page instead.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

from igny8_core.cli.integrations import integrations
from igny8_core.cli.publish import publish
from igny8_core.cli.site import site

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operations" / "destinations.md"
GROUPS = {"integrations": integrations, "publish": publish, "site": site}
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00")
SHOWN_TIME = "2026-11-28T10:00:00+00:00"
NUMBERED = re.compile(r"\b(content|Connection|record) (\d+)")
KINDS = {"12": "site", "3": "Connection", "17": "content", "18": "content", "41": "record"}
"""What the page's numbers are numbers of: rows of different kinds may have the same one here."""

HIDDEN_POST = re.compile(r"\?p=\d+")


@dataclass
class Session:
    """One session of the page.

    :ivar numbers: what a number of the page is here; asked for when it is needed.
    :ivar addresses: what an address here is on the page.
    :ivar typed: what is typed in at prompts, or piped in; the newest.
    :ivar meanwhile: what a line that starts with ``#`` stands for.
    """

    name: str
    numbers: dict[str, Callable[[], int]]
    addresses: dict[str, str]
    typed: str = ""
    meanwhile: dict[str, Callable[[], None]] = field(default_factory=dict)

    def check(self) -> None:
        """Type it, and hold what is said against the page."""
        page = PAGE.read_text()
        pattern = rf"(<!-- session: {self.name} -->\n```console\n)(.*?)(```)"
        (found,) = re.findall(pattern, page, re.DOTALL)
        expected = found[1]
        said = "".join(self._play(line) for line in self._typed_lines(expected))
        if os.environ.get("IGNY8_WRITE_SESSIONS"):
            start = page.index(expected, page.index(found[0]))
            PAGE.write_text(page[:start] + said + page[start + len(expected) :])
        else:
            assert said == expected

    @staticmethod
    def _typed_lines(block: str) -> list[str]:
        return [line for line in block.splitlines() if line.startswith(("$ ", "# "))]

    def _play(self, line: str) -> str:
        if line.startswith("# "):
            self.meanwhile.get(line[2:], lambda: None)()
            return f"{line}\n"
        _igny8, group, *words = shlex.split(line[2:])
        given = [self._here(word) for word in words]
        result = CliRunner().invoke(GROUPS[group], given, input=self.typed)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        shown = "".join(f"{text.rstrip()}\n" for text in result.output.splitlines())
        return f"{line}\n{self._on_the_page(shown)}"

    def _here(self, word: str) -> str:
        if word in self.numbers:
            return str(self.numbers[word]())
        for here, there in self.addresses.items():
            word = word.replace(there, here)
        return word

    def _on_the_page(self, text: str) -> str:
        for here, there in self.addresses.items():
            text = text.replace(here, there)
        known = {(KINDS[name], str(here())): name for name, here in self.numbers.items()}
        text = NUMBERED.sub(lambda m: f"{m[1]} {known.get((m[1], m[2]), m[2])}", text)
        return HIDDEN_POST.sub("?p=108", TIME.sub(SHOWN_TIME, text))
