"""Does what visitors see agree with what the records say?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.conf import settings
from django.db import connections

from igny8_core.business.publishing.errors import ReleaseDamaged
from igny8_core.business.publishing.services.release_store import release_store

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FINDINGS: Final = 1_000
LEASE_GRACE_MINUTES: Final = 15
DAMAGE_SHOWN: Final = 10

_SEARCHES: Final = {
    "two live records of one content at one destination": """
        SELECT 'content ' || content_id || ' at ' || destination
          FROM publishing_publishingrecord
         WHERE status = 'published' AND retired_at IS NULL
         GROUP BY account_id, content_id, destination HAVING count(*) > 1
    """,
    "published without an address": """
        SELECT 'record ' || id FROM publishing_publishingrecord
         WHERE status = 'published' AND retired_at IS NULL AND destination_url = ''
    """,
    "published content that no destination holds": """
        SELECT 'content ' || c.id FROM content_content c
         WHERE c.status = 'published' AND c.deleted_at IS NULL AND c.source = 'igny8'
           AND NOT EXISTS (
               SELECT 1 FROM publishing_publishingrecord r
                WHERE r.account_id = c.account_id AND r.content_id = c.id
                  AND r.status = 'published')
           AND NOT EXISTS (
               SELECT 1 FROM publishing_deploymentrecord d
                WHERE d.account_id = c.account_id AND d.site_id = c.site_id
                  AND d.status IN ('pending', 'deploying'))
    """,
    "forgotten lease of a deployment": """
        SELECT 'deployment ' || id FROM publishing_deploymentrecord
         WHERE status = 'deploying'
           AND lease_expires_at < now() - make_interval(mins => %(grace)s)
    """,
    "live record of an item that is not at its site": """
        SELECT 'record ' || r.id FROM publishing_publishingrecord r
         WHERE r.status = 'published' AND r.retired_at IS NULL AND r.integration_id IS NOT NULL
           AND NOT EXISTS (
               SELECT 1 FROM integration_externalitem i
                WHERE i.account_id = r.account_id AND i.integration_id = r.integration_id
                  AND i.content_id = r.content_id AND i.state IN ('linked', 'conflict')
                  AND i.external_id <> '')
    """,
    "lost answer that nobody looked at again": """
        SELECT 'item ' || id FROM integration_externalitem
         WHERE verify_at < now() - interval '1 day'
    """,
    "forgotten message of a site": """
        SELECT 'message ' || id FROM integration_inboundwebhook
         WHERE status = 'received' AND created_at < now() - interval '1 day'
    """,
    "forgotten lease of a sync": """
        SELECT 'connection ' || id FROM integration_siteintegration
         WHERE sync_status = 'syncing'
           AND lease_expires_at < now() - make_interval(mins => %(grace)s)
    """,
    "forgotten lease of a publishing record": """
        SELECT 'record ' || id FROM publishing_publishingrecord
         WHERE status = 'publishing'
           AND lease_expires_at < now() - make_interval(mins => %(grace)s)
    """,
}
"""What is wrong, and the statement that finds it."""

_LIVE: Final = """
    SELECT DISTINCT ON (account_id, site_id) account_id, site_id, version, build_hash
      FROM publishing_deploymentrecord
     WHERE status = 'deployed' ORDER BY account_id, site_id, version DESC
"""
_LIVE_CONTENTS: Final = """
    SELECT content_id::text, revision FROM publishing_publishingrecord
     WHERE account_id = %(account)s AND site_id = %(site)s AND destination = 'sites'
       AND status = 'published' AND retired_at IS NULL
"""


class _Live(NamedTuple):
    """A site's live version, as the records say."""

    account_id: int
    site_id: int
    version: int
    build_hash: str


def publishing_problems() -> list[str]:
    """Every broken guarantee in words; empty when there is none.

    Reads all accounts as the staff role, and every file of every live release.
    """
    found: list[str] = []
    with connections[settings.TENANCY_STAFF_ALIAS].cursor() as cursor:
        for name, sql in _SEARCHES.items():
            cursor.execute(sql + " LIMIT %(limit)s", _values())
            found += [f"{name}: {subject}" for (subject,) in cursor.fetchall()]
        cursor.execute(_LIVE)
        deployed = [_Live(*row) for row in cursor.fetchall()]
        for live in deployed:
            found += _site_problems(cursor, live)
    found += _unknown_pointers({(live.account_id, live.site_id) for live in deployed})
    return found[:MAX_FINDINGS]


def _values() -> dict[str, Any]:
    return {"grace": LEASE_GRACE_MINUTES, "limit": MAX_FINDINGS}


def _site_problems(cursor: Any, recorded: _Live) -> Iterator[str]:
    """The pointer, the manifest, the files and the contents of one live version."""
    account_id, site_id, version = recorded.account_id, recorded.site_id, recorded.version
    site = f"site {site_id}"
    store = release_store(account_id=account_id, site_id=site_id)
    live = store.live_version()
    if live != version:
        yield f"{site}: the pointer names version {live}, the record {version}"
        return
    try:
        manifest = store.manifest(version)
        damage = store.damage(version)
    except ReleaseDamaged as exc:
        yield f"{site}: version {version}: {exc.message}"
        return
    if manifest.build_hash != recorded.build_hash:
        yield f"{site}: version {version} is not the build of its record"
    yield from (f"{site}: version {version}: {problem}" for problem in damage[:DAMAGE_SHOWN])
    cursor.execute(_LIVE_CONTENTS, {"account": account_id, "site": site_id})
    held = dict(cursor.fetchall())
    listed = {key: entry["revision"] for key, entry in manifest.contents.items()}
    for key in sorted(held.keys() - listed.keys()):
        yield f"{site}: content {key} is recorded as live but version {version} does not hold it"
    for key in sorted(held.keys() & listed.keys()):
        if held[key] != listed[key]:
            yield f"{site}: content {key} is live as revision {listed[key]}, not {held[key]}"


def _unknown_pointers(known: set[tuple[int, int]]) -> Iterator[str]:
    """Sites on disk that no record says are live."""
    root = Path(settings.SITES_ROOT)
    for pointer in sorted(root.glob("*/*/current")):
        account, site = pointer.parent.parent.name, pointer.parent.name
        if account.isdigit() and site.isdigit() and (int(account), int(site)) not in known:
            yield f"site {site}: a version is live on disk but no deployment says so"
