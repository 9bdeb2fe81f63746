"""A rich account to export, and how two archives are compared."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from igny8_core.auth import reference, selectors, services
from igny8_core.auth.models import Membership, Plan, Sector
from igny8_core.auth.states import Role
from igny8_core.business.content.models import ContentVersion
from igny8_core.business.planning.models import Keywords
from igny8_core.transfer.export_account import Exported, export_account
from tests import make
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.auth.models import Account, Site, User
    from igny8_core.business.content.models import Content, Images
    from igny8_core.business.planning.models import KeywordImport

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
PICTURE = b"RIFF not really a picture"


@dataclass(frozen=True)
class Rich:
    """An account with a row of what people work with, and links between the rows."""

    account: Account
    owner: User
    editor: User
    site: Site
    sector: Sector
    keyword_import: KeywordImport
    keyword: Keywords
    first: Content
    second: Content
    image: Images


def rich_account(name: str = "Acme") -> Rich:
    """Made through services where there are some."""
    pets = [one for one in reference.industries() if one.slug == "pets"]
    services.load_reference_data(industries=pets)
    account = make.account(
        name=name,
        plan=Plan.objects.get(code="starter"),
        country_code="DE",
        timezone="Europe/Berlin",
        retention_days=60,
        max_credits_per_day=500,
        settings={"note": "ours"},
    )
    make_billing.credits(account, 90)
    owner = make.member(account, email=f"owner@{account.slug}.example.com", name="Ada")
    editor = make.member(account, Role.EDITOR, email=f"editor@{account.slug}.example.com")
    site = services.create_site(
        account=account,
        name="Paws",
        industry_slug="pets",
        sector_slugs=["dogs"],
        domain="paws.example.com",
    )
    sector = Sector.unscoped.get(site=site)
    found = make_planning.imported(
        sector,
        make_planning.csv_bytes(["keyword", "volume"], ["puppy crate", 90], ["own words", 7]),
    )
    keyword = Keywords.unscoped.get(sector=sector, keyword="own words")
    first, second = articles(sector, editor)
    image = picture(first)
    return Rich(
        selectors.account(account.pk),
        owner,
        editor,
        site,
        sector,
        found,
        keyword,
        first,
        second,
        image,
    )


def articles(sector: Sector, editor: User) -> tuple[Content, Content]:
    """Two articles that link to each other, in blocks and in HTML."""
    first = make_content.article(sector, title="First", approved_by_id=editor.pk)
    second = make_content.article(sector, title="Second")
    for one, other in ((first, second), (second, first)):
        link = {"content_id": other.pk, "anchor": "long decision"}
        one.blocks = [make_content.BLOCKS[0] | {"links": [link]}, *make_content.BLOCKS[1:]]
        one.html = f'<p>A <a href="#content-{other.pk}">long decision</a></p>'
        one.provenance = {"origin": "rules", "reviewed_by": editor.pk}
        one.save()
    ContentVersion.unscoped.create(
        account=first.account,
        content=first,
        version=1,
        reason="edited",
        editor_id=editor.pk,
        title="First",
        html=first.html,
        blocks=first.blocks,
        provenance={"reviewed_by": editor.pk},
    )
    return first, second


def picture(content: Content) -> Images:
    """A cover with two files."""
    digest = hashlib.sha256(PICTURE).hexdigest()[:32]
    folder = f"{content.account_id}/{content.site_id}/images/{digest[:2]}"
    paths = [f"{folder}/{digest}-{width}.webp" for width in (320, 640)]
    for path in paths:
        storages["default"].save(path, ContentFile(PICTURE))
    return make_content.image(
        content,
        status="generated",
        path=paths[1],
        alt="A dog",
        width=640,
        height=360,
        variants=[{"path": path, "format": "webp", "width": 320} for path in paths],
    )


def members_of(account: Account) -> dict[str, str]:
    """Role by address."""
    rows = Membership.unscoped.filter(account=account).select_related("user")
    return {row.user.email: row.role for row in rows}


def export(account: Account, target: Path) -> Exported:
    return export_account(account=account, target=target, clock=lambda: NOW)


def manifest_of(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as packed:
        found: dict[str, Any] = json.loads(packed.read("manifest.json"))
    return found


def texts_of(path: Path) -> dict[str, str]:
    """Every member, unpacked."""
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name).decode("latin-1") for name in packed.namelist()}


def rows_of(path: Path, entry: str) -> list[dict[str, Any]]:
    with zipfile.ZipFile(path) as packed:
        return [json.loads(line) for line in packed.read(entry).splitlines()]


def with_members(path: Path, target: Path, members: dict[str, bytes | None]) -> Path:
    """A copy of an archive with members replaced, removed (None) or added."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in members:
                new.writestr(name, old.read(name))
        for name, data in members.items():
            if data is not None:
                new.writestr(name, data)
    return target


def comparable(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows with the places of the rows that they refer to instead of their keys.

    The same for two archives of the same content. Digits inside of JSON, HTML and paths are keys,
    or may be.
    """
    from igny8_core.transfer import catalog

    manifest = manifest_of(path)
    tables = manifest["rows"] | manifest["references"]
    rows = {label: rows_of(path, table["entry"]) for label, table in tables.items()}
    places = {label: {row["id"]: n for n, row in enumerate(found)} for label, found in rows.items()}
    for label in manifest["rows"]:
        for row in rows[label]:
            del row["id"]
            for name, target in catalog.relations(label).items():
                if row[name] is not None:
                    row[name] = f"{target} {places[target][row[name]]}"
            for name, value in row.items():
                if isinstance(value, list | dict) or name in {"html", "path", "storage_path"}:
                    row[name] = re.sub(r"\d+", "#", json.dumps(value, sort_keys=True))
    return {label: rows[label] for label in manifest["rows"]}
