"""What a person decides about a keyword file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from igny8_core.business.planning.errors import ImportOptionInvalid
from igny8_core.business.planning.services import keyword_formats as formats
from igny8_core.common.text_forms import normal_form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.auth.models import Site

MAX_EXCLUDED = 100


@dataclass(frozen=True)
class ReadOptions:
    """What a person decides about a file; part of its identity.

    :param country: the market that is wanted, as an ISO code; "" takes every row.
    :param country_is_default: nobody said so: it is the site's own.
    :param language: rows that name another language are left out; "" takes every row.
    :param is_plain_list: one keyword a line, no header.
    :param columns: by field, the name of the column to take instead of what was found; "" leaves
        the field out.
    :param decimal_marks: by field, "." or ",": answers to :class:`NumberStyleAmbiguous`.
    :param encoding: one of :data:`~.keyword_formats.CODE_PAGES`, when the guess was wrong.
    :param observed_on: ISO date of the figures, when the file does not say.
    :param keeps_deleted: keywords that were deleted before stay deleted.
    :param keeps_groups: the file's own groups become clusters.
    :param ignores_file_market: the file's name and filters do not say whose market it is.
    :param min_volume: rows whose volume is known and smaller are left out.
    :param excludes: rows whose keyword holds one of these words or phrases are left out.
    """

    country: str = ""
    country_is_default: bool = False
    language: str = ""
    is_plain_list: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    decimal_marks: Mapping[str, str] = field(default_factory=dict)
    encoding: str = ""
    observed_on: str = ""
    keeps_deleted: bool = True
    keeps_groups: bool = False
    ignores_file_market: bool = False
    min_volume: int | None = None
    excludes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Only what is known gets as far as a file.

        :raises ImportOptionInvalid: names the option.
        """
        if self.encoding and self.encoding not in formats.CODE_PAGES:
            raise ImportOptionInvalid("This encoding is not read.", option="encoding")
        if set(self.decimal_marks.values()) - {".", ","}:
            raise ImportOptionInvalid("A decimal mark is . or ,", option="decimal_marks")
        if set(self.columns) - set(formats.ALIASES):
            raise ImportOptionInvalid("There is no such field.", option="columns")
        if len(self.excludes) > MAX_EXCLUDED:
            raise ImportOptionInvalid(
                f"At most {MAX_EXCLUDED} words can be left out.", option="excludes"
            )
        shown = tuple(sorted({normal_form(text) for text in self.excludes} - {""}))
        object.__setattr__(self, "excludes", shown)

    def as_json(self) -> dict[str, Any]:
        """Plain data, for the import's row and its idempotency key."""
        return asdict(self) | {"excludes": list(self.excludes)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ReadOptions:
        """The options of a stored import; what an older release did not know has its default."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        known["excludes"] = tuple(known.get("excludes", ()))
        return cls(**known)


def site_options(
    site: Site, *, any_market: bool = False, country: str = "", **said: Any
) -> ReadOptions:
    """The options of a file for a site: its market, unless another one or every one is wanted.

    :param country: an ISO code; "" takes the site's, and the report says so.
    :param any_market: take rows of every country and language.
    :raises ImportOptionInvalid: names the option.
    """
    chosen = "" if any_market else (country or site.country_code)
    return ReadOptions(
        country=chosen.upper(),
        country_is_default=bool(chosen) and not country,
        language="" if any_market else site.language,
        **said,
    )
