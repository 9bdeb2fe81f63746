"""What keyword files look like, as data: names of columns, tools, limits.

Columns are found by name, never by position. A profile names the tool and sets meanings: which
volume, which scale, which codes.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_UNPACKED_RATIO = 100
MAX_PARTS = 60
MAX_ARCHIVE_MEMBERS = 1_000
MAX_DIRECTORY_BYTES = 1024 * 1024
MAX_ROWS = 200_000
MAX_COLUMNS = 200
MAX_CELL_CHARACTERS = 32 * 1024
MAX_CELL_LINE_BREAKS = 200
MAX_LINE_CHARACTERS = 2 * 1024 * 1024
HEADER_SEARCH_ROWS = 40

DELIMITERS = ",;\t|"
DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", "": "cells"}

BINARY_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x05\x06", "an empty ZIP file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel (.xls) or Word file"),
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
    (b"MZ\x90\x00", "a program"),
    (b"SQLite format 3", "a database"),
)

KEYWORD, VOLUME, DIFFICULTY, CPC = "keyword", "volume", "difficulty", "cpc"
VOLUME_MIN, VOLUME_MAX = "volume_min", "volume_max"
CURRENCY, COUNTRY, LANGUAGE, INTENTS = "currency", "country", "language", "intents"
OBSERVED_ON, PARENT_KEYWORD, POSITION = "observed_on", "parent_keyword", "position"
RANKING_URL, CLICKS, IMPRESSIONS = "ranking_url", "clicks", "impressions"
FEATURES, TREND, TREND_END, SERP_URLS = "serp_features", "trend", "trend_end", "serp_urls"
GROUP, PAGE, SOURCES, KIND = "group", "page", "volume_sources", "volume_kind"
DISABLED = "is_disabled"

ALIASES: dict[str, tuple[str, ...]] = {
    KEYWORD: (
        "keyword", "keywords", "query", "queries", "top queries", "search term", "search terms",
        "search query", "phrase", "kw",
    ),
    VOLUME: (
        "volume", "search volume", "sv", "avg. monthly searches", "avg. search volume",
        "average monthly searches", "average search volume", "monthly volume",
        "monthly searches", "monthly search volume", "searches", "volume range",
    ),
    VOLUME_MIN: ("min volume", "volume min", "minimum volume"),
    VOLUME_MAX: ("max volume", "volume max", "maximum volume"),
    DIFFICULTY: (
        "kd", "kd %", "difficulty", "keyword difficulty", "keyword difficulty %",
        "keyword difficulty index", "seo difficulty", "search difficulty", "sd",
    ),
    CPC: ("cpc", "cost per click"),
    CURRENCY: ("currency", "cpc currency"),
    COUNTRY: ("country", "database", "market", "location", "locale"),
    LANGUAGE: ("language", "languages"),
    INTENTS: ("intent", "intents", "search intent", "keyword intents"),
    OBSERVED_ON: ("last update", "last updated", "date analyzed", "timestamp"),
    PARENT_KEYWORD: ("parent keyword", "parent topic"),
    POSITION: ("position", "current position"),
    RANKING_URL: ("url", "current url", "ranking url"),
    CLICKS: ("clicks",),
    IMPRESSIONS: ("impressions",),
    FEATURES: ("serp features", "serp features by keyword"),
    TREND: ("trend", "trends", "sv trend", "search volume trend"),
    SERP_URLS: ("serp urls", "top-10 urls", "top 10 urls", "ranking urls"),
    GROUP: ("cluster", "group", "topic", "pillar", "keyword group"),
    PAGE: ("page",),
}  # fmt: skip
OWN_ALIASES = {
    TREND_END: "trend end",
    SOURCES: "volume sources",
    KIND: "volume kind",
    DISABLED: "disabled",
}
"""Columns that only our own export has."""

_WORLDWIDE = "worldwide, not this market"
_ADVERTISING = "advertising, not SEO"
_COMPUTED = "computed from clicks and impressions"
_EARLIER = "an earlier position"
_OTHER = "not used"
EXPECTED_CLICKS = "clicks on all results, not yours"
IGNORED: dict[str, str] = {
    "#": "row number",
    **dict.fromkeys(("global volume", "global traffic potential"), _WORLDWIDE),
    **dict.fromkeys(
        (
            "competition", "competitive density", "ppc", "pd", "paid difficulty",
            "top of page bid", "ad impression share", "in account?", "in plan?",
        ),
        _ADVERTISING,
    ),
    "sv forecasting trend": "forecast",
    "ctr": _COMPUTED,
    **dict.fromkeys(
        (
            "previous organic traffic", "previous position", "previous position kind",
            "previous url",
        ),
        _EARLIER,
    ),
    "seed keyword": "what the list was searched with",
    **dict.fromkeys(
        ("content references", "competitors"), "the same for every keyword of a page"
    ),
    **dict.fromkeys(
        (
            "traffic potential", "cps", "clicks per search", "return rate", "first seen",
            "category", "number of results", "segmentation", "three month change", "yoy change",
            "organic impression share", "organic average position", "current organic traffic",
            "organic traffic change", "position change", "current position kind", "traffic",
            "traffic cost", "position type", "page type", "tags", "click potential",
            "keyword interest growth", "content type", "est. visits", "organic ctr",
            "importance", "priority", "relevance", "sector", "status", "first imported",
            "last imported",
        ),
        _OTHER,
    ),
}  # fmt: skip
"""Known columns that are left out on purpose, and why; a unit in brackets does not matter."""

NOT_KNOWN = "not known"
SECOND_OF_NAME = "a second column of this name"
EARLIER_PERIOD = "the earlier period of a comparison"

INTENT_FLAGS = frozenset(
    {
        "branded", "local", "informational", "commercial", "transactional", "navigational",
    }
)  # fmt: skip
"""Columns of true and false, where a tool has one for each intent."""


@dataclass(frozen=True)
class Profile:
    """A tool's file.

    :param signature: names of columns; the profile with most of them in the header wins.
    :param required: one of these sets must be there whole.
    :param possibly_truncated_at: a file of exactly this many rows may have been cut by the tool.
    """

    name: str
    title: str
    confidence: str
    required: tuple[frozenset[str], ...]
    signature: frozenset[str]
    possibly_truncated_at: int | None = None


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split(","))


def _either(*texts: str) -> tuple[frozenset[str], ...]:
    return tuple(_names(text) for text in texts)


GENERIC = Profile("generic", "a table with a keyword column", "open", (), frozenset())
PLAIN_LIST = Profile("plain_list", "a plain list", "open", (), frozenset())
OWN = Profile(
    "igny8_keywords",
    "IGNY8 keywords",
    "high",
    _either("keyword,volume kind,volume sources,first imported"),
    _names(
        "keyword,country,language,sector,cluster,status,disabled,volume,volume min,volume max,"
        "volume kind,volume sources,difficulty,cpc,cpc currency,intents,serp features,trend,"
        "trend end,parent keyword,position,ranking url,clicks,impressions,first imported,"
        "last imported"
    ),
)
PROFILES: tuple[Profile, ...] = (
    OWN,
    Profile(
        "ahrefs_ke",
        "Ahrefs Keywords Explorer",
        "high",
        _either("keyword,difficulty,volume,parent keyword,global volume"),
        _names(
            "#,keyword,country,difficulty,volume,cpc,cps,parent keyword,last update,"
            "serp features,global volume,traffic potential,global traffic potential,first seen,"
            "intents,languages,sv trend,sv forecasting trend,category,clicks,return rate"
        ),
    ),
    Profile(
        "ahrefs_se",
        "Ahrefs Site Explorer, organic keywords",
        "medium",
        _either("keyword,volume,kd,current position,current url"),
        _names(
            "keyword,volume,kd,cpc,previous organic traffic,current organic traffic,"
            "organic traffic change,previous position,current position,position change,"
            "previous position kind,current position kind,current url,previous url,branded,local,"
            "informational,commercial,transactional,navigational"
        ),
    ),
    Profile(
        "semrush_kmt",
        "Semrush Keyword Magic",
        "high",
        _either("keyword,volume,keyword difficulty"),
        _names(
            "keyword,intent,volume,trend,keyword difficulty,cpc,competitive density,"
            "serp features,number of results"
        ),
    ),
    Profile(
        "semrush_ksb",
        "Semrush Keyword Strategy Builder",
        "medium",
        _either("keyword,seed keyword,page,topic"),
        _names(
            "database,keyword,seed keyword,page,topic,page type,tags,volume,keyword difficulty,"
            "cpc,competitive density,number of results,intent,serp features,trend,"
            "click potential,content references,competitors"
        ),
    ),
    Profile(
        "semrush_positions",
        "Semrush organic positions",
        "high",
        _either("keyword,position,search volume,url,traffic"),
        _names(
            "keyword,position,previous position,search volume,keyword difficulty,cpc,url,traffic,"
            "traffic cost,competition,number of results,trends,timestamp,"
            "serp features by keyword,keyword intents,position type"
        ),
    ),
    Profile(
        "semrush_api",
        "Semrush API",
        "medium",
        _either("keyword,search volume,keyword difficulty index"),
        _names(
            "database,keyword,search volume,cpc,competition,number of results,"
            "keyword difficulty index,intent,serp features"
        ),
    ),
    Profile(
        "gkp",
        "Google Keyword Planner",
        "high",
        _either("keyword,avg. monthly searches,competition"),
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
        _either("top queries,clicks,impressions"),
        _names("top queries,clicks,impressions,ctr,position"),
        possibly_truncated_at=1000,
    ),
    Profile(
        "kwfinder",
        "KWFinder by Mangools",
        "medium",
        _either("keyword,avg. search volume,ppc", "keyword,avg. search volume,keyword difficulty"),
        _names(
            "keyword,avg. search volume,cpc,ppc,keyword difficulty,search intent,"
            "keyword interest growth,serp features,location,content type"
        ),
    ),
    Profile(
        "ubersuggest",
        "Ubersuggest",
        "medium",
        _either("volume,pd", "search volume,paid difficulty", "keyword,position,est. visits"),
        _names(
            "keywords,keyword,intent,search intent,volume,search volume,cpc,cost per click,pd,"
            "paid difficulty,seo difficulty,search difficulty,sd,est. visits,position,url"
        ),
    ),
    Profile(
        "moz",
        "Moz Keyword Explorer",
        "low",
        _either("keyword,locale,min volume,max volume", "keyword,locale,volume range"),
        _names(
            "keyword,locale,min volume,max volume,difficulty,organic ctr,importance,priority,"
            "date analyzed,relevance,volume range"
        ),
    ),
)
PROFILES_BY_NAME = {profile.name: profile for profile in (*PROFILES, GENERIC, PLAIN_LIST)}

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

FILE_NAME_MARKETS: tuple[str, ...] = (
    r"-organic\.Positions-(?P<country>[a-z]{2})-(?P<date>\d{8})",
    r"^google_(?P<country>[a-z]{2})_.*_(?P<date>\d{4}-\d\d-\d\d)_\d\d-\d\d-\d\d",
    r"_(?:clusters|list)_(?P<date>\d{4}-\d\d-\d\d)",
    r"_(?P<country>[a-z]{2})_(?P<date>\d{4}-\d\d-\d\d)",
)
"""First that matches: the market and the date of observation that a tool writes into a name."""

CODE_PAGES = (
    "utf-8", "utf-16-le", "utf-16-be", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255",
    "cp1256", "cp1257", "iso8859-2", "koi8-r", "shift_jis", "euc_kr", "gb18030", "big5",
)  # fmt: skip
"""Encodings that a person may name when the guess was wrong."""
