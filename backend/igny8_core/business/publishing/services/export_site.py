"""Write a site to a folder of the operator's, for a web server of any kind."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from igny8_core.auth import selectors as accounts
from igny8_core.business.publishing.errors import NothingToDeploy
from igny8_core.business.publishing.selectors import site_url
from igny8_core.business.publishing.services.release_manifest import Media
from igny8_core.business.publishing.services.site_build import render_site
from igny8_core.business.publishing.services.site_reading import read_site
from igny8_core.common.errors import Conflict
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.publishing.services.site_build import Build


def export_site(
    *, account: Account, site_id: int, target: Path, base_url: str = "", with_drafts: bool = False
) -> Build:
    """Write the published site to a new folder. Nothing is recorded, the live site stays.

    Beside the site's files it holds ``_redirects``, in the form that hosts of static sites read.

    :param base_url: where the site will be; empty means its own address.
    :raises NotFound: no such site in this account.
    :raises Conflict: the folder is there already; nothing was written.
    :raises NothingToDeploy: the site has nothing to show.
    :raises InvalidInput: ``base_url`` is no web address.
    :raises BuildBroken: the built site fails its checks; nothing was written.
    :raises ReleaseDamaged: an image file is missing; likewise.
    """
    if target.exists():
        raise Conflict("the folder is there already", folder=str(target))
    with tenant(account.pk, read_only=True):
        site = accounts.site(account=account, site_id=site_id)
    media = Media(Path(settings.MEDIA_ROOT))
    source = read_site(
        account=account,
        site=site,
        base_url=(base_url or site_url(site=site)).rstrip("/"),
        media=media,
        live=None,
        with_drafts=with_drafts,
    )
    if not source.articles:
        raise NothingToDeploy("the site has no content to show", site_id=site_id)
    build = render_site(source)
    making = target.with_name(f".{target.name}-making")
    shutil.rmtree(making, ignore_errors=True)
    for path, data in build.texts.items():
        _put(making / path, data)
    for path, file in build.media.items():
        _put(making / path, media.read(file.source, file.sha256))
    lines = [
        f"{source.identity.href(old)} {source.identity.href(new)} 301"
        for old, new in build.redirects.items()
    ]
    _put(making / "_redirects", "".join(f"{line}\n" for line in lines).encode())
    making.rename(target)
    return build


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
