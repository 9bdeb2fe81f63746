"""Rows of an archive made fit for their new place: at rest, and with the new ids inside of them.

Pure functions on rows as JSON has them. Relations are not their business: those are translated
for every model alike.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from igny8_core.common.html import has_scheme, sanitize_html

if TYPE_CHECKING:
    from igny8_core.transfer.ids import Ids

    Row = dict[str, Any]

CLUSTERS: Final = "planning.Clusters"
CONTENT: Final = "content.Content"
IMPORT: Final = "planning.KeywordImport"
SITE: Final = "igny8_auth.Site"
USER: Final = "igny8_auth.User"

IMPORTED: Final = "imported:"
NOWHERE: Final = -1
MEDIA: Final = "default"
IMPORTS: Final = "imports"
_IMAGE: Final = re.compile(
    r"(?P<account>\d{1,18})/(?P<site>\d{1,18})/(?P<rest>images/[0-9a-f]{2}/"
    r"(?P<digest>[0-9a-f]{32})-\d{1,5}\.(webp|jpg|avif|png))"
)
_UPLOAD: Final = re.compile(r"(?P<account>\d{1,18})/(?P<rest>(?P<digest>[0-9a-f]{64}))")
_ARTICLE: Final = re.compile(r'(?<=href="#content-)(\d{1,18})(?=")')


def place_of(storage: str, path: str, ids: Ids) -> tuple[str, str] | None:
    """Where a file goes, and what the digest of its bytes begins with.

    :returns: None for a path that no file of an account has: nothing is ever written there.
    """
    if storage == IMPORTS and (found := _UPLOAD.fullmatch(path)):
        return f"{ids.account_id}/{found['rest']}", found["digest"]
    if storage == MEDIA and (found := _IMAGE.fullmatch(path)):
        site_id = ids.get(SITE, int(found["site"]))
        if site_id is not None:
            return f"{ids.account_id}/{site_id}/{found['rest']}", found["digest"]
    return None


def _path(storage: str, path: object, ids: Ids) -> str:
    place = place_of(storage, path, ids) if isinstance(path, str) else None
    return place[0] if place else ""


def files_of_image(row: Row) -> list[tuple[str, str]]:
    paths = [row["path"], *(one.get("path") for one in _objects(row["variants"]))]
    return [(MEDIA, path) for path in dict.fromkeys(paths) if path]


def files_of_keyword_import(row: Row) -> list[tuple[str, str]]:
    return [(IMPORTS, row["storage_path"])] if row["storage_path"] else []


def image(row: Row, ids: Ids) -> None:
    """The paths of its files."""
    row["path"] = _path(MEDIA, row["path"], ids)
    variants = _objects(row["variants"])
    row["variants"] = [one | {"path": _path(MEDIA, one.get("path"), ids)} for one in variants]


def keyword_import(row: Row, ids: Ids) -> None:
    """The path of the uploaded file."""
    row["storage_path"] = _path(IMPORTS, row["storage_path"], ids)


def keyword(row: Row, ids: Ids) -> None:
    """The imports that its sources name."""
    attributes = row["attributes"]
    if not isinstance(attributes, dict):
        return
    for source in _objects(attributes.get("sources")):
        if "import" in source:
            source["import"] = ids.get(IMPORT, source["import"])


def saved_view(row: Row, ids: Ids) -> None:
    """The cluster that its filters name; one that is gone is of no row, as before."""
    filters = row["filters"]
    if isinstance(filters, dict) and filters.get("cluster_id"):
        filters["cluster_id"] = ids.get(CLUSTERS, filters["cluster_id"]) or NOWHERE


def content(row: Row, ids: Ids) -> None:
    """Links to other articles, the reviewer, and nothing that the allow-list does not name."""
    _article(row, ids)
    _reviewer(row, ids)


def content_version(row: Row, ids: Ids) -> None:
    """As of the article."""
    _article(row, ids)
    _reviewer(row, ids)


def names_articles(row: Row) -> bool:
    """Whether an article links to others of its site."""
    text = row["html"]
    in_blocks = any(_objects(block.get("links")) for block in _objects(row["blocks"]))
    return in_blocks or (isinstance(text, str) and _ARTICLE.search(text) is not None)


def publishing_record(row: Row, _ids: Ids) -> None:
    """Its key holds old ids: it must not meet the key of a later delivery."""
    key = str(row["idempotency_key"])
    if not key.startswith(IMPORTED):
        row["idempotency_key"] = IMPORTED + hashlib.sha256(key.encode()).hexdigest()[:40]


def optimization(row: Row, ids: Ids) -> None:
    """Links in both texts; proposed links name articles of the old place and stay there."""
    for name in ("html_before", "html_after"):
        row[name] = _html(row[name], ids)
    metadata = row["metadata"]
    if isinstance(metadata, dict) and "changes" in metadata:
        kept = [one for one in _objects(metadata["changes"]) if one.get("kind") != "link"]
        row["metadata"] = metadata | {"changes": kept}


def settle_keyword_import(row: Row) -> None:
    """Nobody imports it any more."""
    if row["status"] in {"uploaded", "analysed", "importing"}:
        row["status"] = "cancelled"
    row["lease_expires_at"] = None


def settle_integration(row: Row) -> None:
    """Without credentials nothing is sent."""
    row |= {"is_active": False, "is_sync_enabled": False, "sync_status": "idle", "sync_error": ""}


def settle_optimization(row: Row) -> None:
    """Nobody works on it any more."""
    if row["status"] in {"pending", "running"}:
        row |= {"status": "failed", "error": "The account was moved before this was done."}


def settle_automation(row: Row) -> None:
    """Nothing starts by itself in the new place before a person says so."""
    row |= {"is_enabled": False, "next_run_at": None}


def _article(row: Row, ids: Ids) -> None:
    for block in _objects(row["blocks"]):
        if "links" in block:
            links = [_link(link, ids) for link in _objects(block["links"])]
            block["links"] = [link for link in links if link is not None]
        if "html" in block:
            block["html"] = _html(block["html"], ids)
    row["html"] = _html(row["html"], ids)


def _link(link: dict[str, Any], ids: Ids) -> dict[str, Any] | None:
    """A link to an article that came along, or to an address on the web."""
    if "content_id" not in link:
        url = link.get("url")
        return link if isinstance(url, str) and has_scheme(url, "http", "https") else None
    content_id = ids.get(CONTENT, link["content_id"])
    return None if content_id is None else link | {"content_id": content_id}


def _html(text: object, ids: Ids) -> str:
    """Sanitised; a link to an article that did not come along leads nowhere."""
    if not isinstance(text, str):
        return ""
    clean = sanitize_html(text) if text else ""
    return _ARTICLE.sub(lambda found: str(ids.get(CONTENT, int(found[1])) or 0), clean)


def _reviewer(row: Row, ids: Ids) -> None:
    provenance = row["provenance"]
    if isinstance(provenance, dict) and "reviewed_by" in provenance:
        provenance["reviewed_by"] = ids.get(USER, provenance["reviewed_by"])


def _objects(found: object) -> list[dict[str, Any]]:
    """The objects of a list, whatever an archive has there."""
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
