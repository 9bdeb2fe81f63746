"""What keyword files look like, as data: names of columns, tools, words for "unknown".

Columns are found by name, never by position. A profile names the tool; it changes the meaning of
no column by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_UNPACKED_RATIO = 100
MAX_ROWS = 200_000
MAX_COLUMNS = 200
MAX_CELL_CHARACTERS = 32 * 1024
MAX_CELL_LINE_BREAKS = 200
HEADER_SEARCH_ROWS = 40

DELIMITERS = ",;\t|"
DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

BINARY_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP or Excel (.xlsx) file"),
    (b"PK\x05\x06", "an empty ZIP file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel (.xls) file"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"RIFF", "a picture or sound"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a database"),
)

KEYWORD, VOLUME, DIFFICULTY, CPC = "keyword", "volume", "difficulty", "cpc"
CURRENCY, COUNTRY, INTENTS, OBSERVED_ON = "currency", "country", "intents", "observed_on"
PARENT_KEYWORD, POSITION, RANKING_URL = "parent_keyword", "position", "ranking_url"
CLICKS, IMPRESSIONS = "clicks", "impressions"

ALIASES: dict[str, tuple[str, ...]] = {
    KEYWORD: (
        "keyword",
        "keywords",
        "query",
        "queries",
        "top queries",
        "search term",
        "search terms",
        "search query",
        "phrase",
        "kw",
        "từ khóa",
        "suchbegriff",
        "häufigste suchanfragen",
        "palabra clave",
        "consultas principales",
        "mot clé",
        "mot-clé",
        "requêtes les plus fréquentes",
        "anahtar kelime",
    ),
    VOLUME: (
        "volume",
        "search volume",
        "sv",
        "avg. monthly searches",
        "avg. search volume",
        "average monthly searches",
        "monthly volume",
        "monthly searches",
        "searches",
        "promedio de búsquedas mensuales",
        "ort. ayl\u0131k aramalar",
    ),
    DIFFICULTY: (
        "kd",
        "kd %",
        "difficulty",
        "keyword difficulty",
        "keyword difficulty index",
        "seo difficulty",
        "search difficulty",
        "sd",
    ),
    CPC: ("cpc", "cost per click"),
    CURRENCY: ("currency", "cpc currency"),
    COUNTRY: ("country", "database", "market", "location", "locale"),
    INTENTS: ("intent", "intents", "search intent", "keyword intents"),
    OBSERVED_ON: ("last update", "date analyzed", "timestamp"),
    PARENT_KEYWORD: ("parent keyword", "parent topic"),
    POSITION: ("position", "current position", "posición", "posición media", "avg. position"),
    RANKING_URL: ("url", "current url", "ranking url"),
    CLICKS: ("clicks", "clics", "klicks"),
    IMPRESSIONS: ("impressions", "impresiones", "impressionen"),
}

_WORLDWIDE = "worldwide, not this market"
_ADVERTISING = "advertising, not SEO"
_LATER = "not used"
IGNORED: dict[str, str] = {
    "#": "row number",
    "global volume": _WORLDWIDE,
    "global traffic potential": _WORLDWIDE,
    "competition": _ADVERTISING,
    "competitive density": _ADVERTISING,
    "ppc": _ADVERTISING,
    "pd": _ADVERTISING,
    "paid difficulty": _ADVERTISING,
    "top of page bid": _ADVERTISING,
    "ad impression share": _ADVERTISING,
    "in account?": _ADVERTISING,
    "in plan?": _ADVERTISING,
    "sv forecasting trend": "forecast",
    "ctr": "computed from clicks and impressions",
    "klickrate": "computed from clicks and impressions",
    "sv trend": _LATER,
    "trend": _LATER,
    "trends": _LATER,
    "serp features": _LATER,
    "traffic potential": _LATER,
    "cps": _LATER,
    "clicks per search": _LATER,
    "first seen": _LATER,
    "languages": _LATER,
    "category": _LATER,
    "number of results": _LATER,
    "segmentation": _LATER,
    "three month change": _LATER,
    "yoy change": _LATER,
    "organic impression share": _LATER,
    "organic average position": _LATER,
}
"""Known columns that are left out on purpose, and why; a unit in brackets does not matter."""

NOT_KNOWN = "not known"
SECOND_OF_NAME = "a second column of this name"
MONTHLY_PREFIX = "searches: "


@dataclass(frozen=True)
class Profile:
    """A tool's file.

    :param signature: names of columns; the profile with most of them in the header wins.
    :param required: all of these must be there.
    :param possibly_truncated_at: a file of exactly this many rows may have been cut by the tool.
    """

    name: str
    title: str
    confidence: str
    required: frozenset[str]
    signature: frozenset[str]
    possibly_truncated_at: int | None = None


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split(","))


GENERIC = Profile("generic", "a table with a keyword column", "open", frozenset(), frozenset())
PLAIN_LIST = Profile("plain_list", "a plain list", "open", frozenset(), frozenset())
PROFILES: tuple[Profile, ...] = (
    Profile(
        "ahrefs_ke",
        "Ahrefs Keywords Explorer",
        "high",
        _names("keyword,difficulty,volume,parent keyword,global volume"),
        _names(
            "#,keyword,country,difficulty,volume,cpc,cps,parent keyword,last update,"
            "serp features,global volume,traffic potential,global traffic potential,first seen,"
            "intents,languages,sv trend,sv forecasting trend,category,clicks,return rate"
        ),
    ),
    Profile(
        "semrush_kmt",
        "Semrush Keyword Magic",
        "high",
        _names("keyword,volume,keyword difficulty"),
        _names(
            "keyword,intent,volume,trend,keyword difficulty,cpc,competitive density,"
            "serp features,number of results"
        ),
    ),
    Profile(
        "gkp",
        "Google Keyword Planner",
        "high",
        _names("keyword,avg. monthly searches,competition"),
        _names(
            "keyword,currency,segmentation,avg. monthly searches,three month change,yoy change,"
            "competition,top of page bid,ad impression share,organic impression share,"
            "organic average position,in account?,in plan?"
        ),
    ),
    Profile(
        "gsc",
        "Google Search Console",
        "high",
        _names("top queries,clicks,impressions"),
        _names("top queries,clicks,impressions,ctr,position"),
        possibly_truncated_at=1000,
    ),
    Profile(
        "ubersuggest",
        "Ubersuggest",
        "medium",
        _names("volume,pd"),
        _names("keywords,keyword,intent,volume,cpc,pd,seo difficulty,sd"),
    ),
)

UNKNOWN_VALUES = frozenset(
    {"", "-", "\u2013", "\u2014", "n/a", "na", "null", "none", "#n/a", "∞", "unknown"}
)

GKP_BUCKETS: dict[int, tuple[int, int]] = {
    0: (0, 10),
    50: (10, 100),
    500: (100, 1_000),
    5_000: (1_000, 10_000),
    50_000: (10_000, 100_000),
    500_000: (100_000, 1_000_000),
    5_000_000: (1_000_000, 10_000_000),
}
"""What Keyword Planner shows accounts that spend little: one figure for a whole range."""

CURRENCY_SIGNS: dict[str, str] = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "zł": "PLN"}

INTENT_WORDS: dict[str, str] = {
    **dict.fromkeys(("informational", "info", "i"), "informational"),
    **dict.fromkeys(("navigational", "navigation", "n"), "navigational"),
    **dict.fromkeys(("commercial", "commercial investigation", "c"), "commercial"),
    **dict.fromkeys(("transactional", "transaction", "t"), "transactional"),
}
INTENT_OTHER = frozenset({"branded", "non-branded", "local", "non-local"})

COUNTRY_NAMES: dict[str, str] = {
    "uk": "GB",
    "united kingdom": "GB",
    "great britain": "GB",
    "united states": "US",
    "usa": "US",
    "germany": "DE",
    "deutschland": "DE",
    "france": "FR",
    "spain": "ES",
    "españa": "ES",
    "italy": "IT",
    "italia": "IT",
    "netherlands": "NL",
    "poland": "PL",
    "polska": "PL",
    "portugal": "PT",
    "brazil": "BR",
    "brasil": "BR",
    "mexico": "MX",
    "méxico": "MX",
    "canada": "CA",
    "australia": "AU",
    "india": "IN",
    "ireland": "IE",
    "austria": "AT",
    "switzerland": "CH",
    "sweden": "SE",
    "turkey": "TR",
    "türkiye": "TR",
    "japan": "JP",
    "vietnam": "VN",
    "south africa": "ZA",
    "new zealand": "NZ",
}

FILE_NAME_MARKETS: tuple[str, ...] = (
    r"-organic\.Positions-(?P<country>[a-z]{2})-(?P<date>\d{8})",
    r"^google_(?P<country>[a-z]{2})_.*_(?P<date>\d{4}-\d\d-\d\d)_\d\d-\d\d-\d\d",
    r"_(?:clusters|list)_(?P<date>\d{4}-\d\d-\d\d)",
    r"_(?P<country>[a-z]{2})_(?P<date>\d{4}-\d\d-\d\d)",
)
"""First that matches: the market and the date of observation that a tool writes into a name."""
