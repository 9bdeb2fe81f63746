"""Image files that nothing names are removed, and no others."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from igny8_core.business.content.services import images
from igny8_core.business.content.services.images import generate_image, plan_images
from igny8_core.business.content.services.sweep_files import ROUNDS, sweep_files
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def drawn(account: Account) -> Any:
    article = make_content.article(make_planning.sector(account))
    [image_id] = plan_images(account=account, content_ids=[article.pk], now=NOW)
    return generate_image(
        account=account, image_id=image_id, fence=lambda: None, clock=lambda: NOW, providers=[]
    )


def files(media: Path) -> set[str]:
    return {str(file.relative_to(media)) for file in media.rglob("*") if file.is_file()}


def grow_old(media: Path, days: float = 2) -> None:
    then = (timezone.now() - timedelta(days=days)).timestamp()
    for file in media.rglob("*"):
        os.utime(file, (then, then))


def test_what_a_crash_left_goes_and_what_rows_name_stays(
    media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The process ends here."""

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    kept = drawn(make_content.rich_account())
    named = files(media)
    with monkeypatch.context() as patch:
        patch.setattr(images, "_settle", killed)
        with pytest.raises(Killed):
            drawn(make_content.rich_account())
    left = files(media) - named
    half = media / kept.path
    (half.parent / ".writing-abc").write_bytes(b"half")
    grow_old(media)

    removed = sweep_files(now=timezone.now(), rounds=1)

    assert len(left) == 9
    assert removed == 10
    assert files(media) == named
    assert sweep_files(now=timezone.now(), rounds=1) == 0


def test_young_files_and_what_is_no_image_of_an_account_stay(media: Path) -> None:
    strange = [
        media / "12/3/images/ab/young.webp",
        media / "12/3/other/ab/old.webp",
        media / "notes/3/images/ab/old.webp",
        media / "12/file.webp",
    ]
    for file in strange:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    grow_old(media)
    os.utime(strange[0])

    assert sweep_files(now=timezone.now(), rounds=1) == 0
    assert len(files(media)) == len(strange)


def test_every_folder_has_its_turn_within_a_day(media: Path) -> None:
    for name in ("00", "17", "a0", "ff", "zz"):
        file = media / f"12/3/images/{name}/{name}.webp"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x")
    grow_old(media)

    turns = [sweep_files(now=timezone.now() + timedelta(hours=hour)) for hour in range(ROUNDS)]

    assert sum(turns) == 5
    assert max(turns) < 5
    assert files(media) == set()


def test_without_a_folder_there_is_nothing_to_do() -> None:
    assert sweep_files(now=timezone.now()) == 0
