"""XML read piece by piece: no document type, no entities, no network, a limit on every text.

expat with everything off that a hostile file could use. Names come without their prefix's
namespace being resolved: ``wp:post_id`` stays as it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.parsers import expat

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

BLOCK_BYTES = 256 * 1024
MAX_TEXT_CHARACTERS = 16 * 1024 * 1024
MAX_DEPTH = 200
_MAX_NAMES = 1_000


class XmlRefused(ValueError):
    """The document declares a type or entities, nests too deeply, or holds too large a text."""


class XmlBroken(ValueError):
    """The document is not well-formed; what came before the error was handed on."""


class XmlReader:
    """Feeds a parser with blocks and hands events on.

    :param start: called with (name, attributes) of an element that opens.
    :param end: called with (name, text) of an element that closes; the text is empty unless the
        element is one of ``texts``.
    :param texts: names of elements whose text is wanted; they hold no such element themselves.
    :param is_local: names lose their prefix, here and in ``texts``.
    :param max_text: characters that one element may hold.
    """

    def __init__(
        self,
        *,
        start: Callable[[str, dict[str, str]], object],
        end: Callable[[str, str], object],
        texts: Collection[str],
        is_local: bool = False,
        max_text: int = MAX_TEXT_CHARACTERS,
    ) -> None:
        self._start, self._end, self._max_text = start, end, max_text
        self._wanted, self._is_local = frozenset(texts), is_local
        self._names: dict[str, str] = {}
        self._text: list[str] | None = None
        self._characters_left = max_text
        self._depth = 0
        parser = self._parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._open
        parser.EndElementHandler = self._close
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.ExternalEntityRefHandler = _refuse
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def feed(self, block: bytes, *, is_last: bool = False) -> None:
        """Read one more block.

        :raises XmlRefused: the document wants more than we do.
        :raises XmlBroken: it is not well-formed.
        """
        try:
            self._parser.Parse(block, is_last)
        except expat.ExpatError as exc:
            raise XmlBroken(str(exc)) from exc
        except (LookupError, ValueError) as exc:
            if type(exc) in {LookupError, ValueError}:  # unknown, or of several bytes a character
                raise XmlBroken("its encoding is not known") from exc
            raise

    def _name(self, name: str) -> str:
        found = self._names.get(name)
        if found is None:
            found = name.rpartition(":")[2] if self._is_local else name
            if len(self._names) < _MAX_NAMES:
                self._names[name] = found
        return found

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise XmlRefused("elements are nested too deeply")
        name = self._name(name)
        if name in self._wanted:
            self._text, self._characters_left = [], self._max_text
        self._start(name, attributes)

    def _close(self, name: str) -> None:
        self._depth -= 1
        name = self._name(name)
        if self._text is not None and name in self._wanted:
            text, self._text = "".join(self._text), None
            self._end(name, text)
        else:
            self._end(name, "")

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._characters_left -= len(text)
            if self._characters_left < 0:
                raise XmlRefused("a text is too long")
            self._text.append(text)


def _refuse(*_: object) -> int:
    raise XmlRefused("the document declares a type or entities")
