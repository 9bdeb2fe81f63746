"""Sample keywords for a site that has none: a packaged list, imported as a file would be."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from igny8_core.business.planning import selectors
from igny8_core.business.planning.errors import SamplesNotWanted
from igny8_core.business.planning.services.import_jobs import start_keyword_import
from igny8_core.business.planning.services.import_keywords import (
    analyse_upload,
    upload_keyword_file,
)
from igny8_core.business.planning.services.keyword_options import site_options
from igny8_core.business.planning.states import DEAD_IMPORTS, ImportStatus
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector, Site
    from igny8_core.business.planning.models import KeywordImport

PACKAGED: Final = "wands.tsv"
FILE_NAME: Final = "Sample keywords.tsv"
"""What such an import is called; somebody's own file of this name has other bytes."""


def sample_bytes() -> bytes:
    """The packaged list, as a file."""
    return resources.files("igny8_core.data").joinpath(PACKAGED).read_bytes()


@cache
def sample_size() -> int:
    """How many keywords it holds."""
    return len(sample_bytes().decode().strip().splitlines()) - 1


@cache
def _digest() -> str:
    return hashlib.sha256(sample_bytes()).hexdigest()


def is_sample(found: KeywordImport) -> bool:
    """Whether an import is of sample keywords."""
    return found.file_name == FILE_NAME and found.sha256 == _digest()


def offers_samples(*, account: Account, site: Site) -> bool:
    """Whether a site may start with sample keywords: it has no keyword yet."""
    return not selectors.keywords(account=account, site=site).exists()


def sample_import(*, account: Account, sector: Sector) -> KeywordImport | None:
    """The sample keywords of a sector, on their way or in; None once they are taken back."""
    rows = selectors.keyword_imports(account=account, sector=sector)
    rows = rows.filter(file_name=FILE_NAME, sha256=_digest())
    return rows.exclude(status__in=DEAD_IMPORTS).first()


def import_sample_keywords(
    *, account: Account, site: Site, sector: Sector, now: datetime
) -> KeywordImport:
    """Bring the packaged list to a site without keywords; a worker writes it.

    It is an import like any other: it costs no credits, says what it did, and can be undone. Safe
    to repeat: while the list is there, or on its way, its import is returned.

    :raises SamplesNotWanted: the site has keywords of its own; nothing was written.
    """
    with tenant(account.pk, read_only=True):
        found = sample_import(account=account, sector=sector)
        if found is None and not offers_samples(account=account, site=site):
            raise SamplesNotWanted("Sample keywords are for a site without keywords.")
    if found is None or found.status == ImportStatus.UPLOADED:
        uploaded = upload_keyword_file(
            account=account,
            site=site,
            sector=sector,
            file_name=FILE_NAME,
            data=sample_bytes(),
            options=site_options(site, any_market=True, keeps_deleted=False),
        )
        found = analyse_upload(account=account, import_id=uploaded.pk, now=now)
    room = found.report.get("plan")
    if found.status == ImportStatus.ANALYSED and (room is None or room["is_enough"]):
        return start_keyword_import(account=account, import_id=found.pk, now=now)
    return found
