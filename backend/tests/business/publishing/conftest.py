"""Every test writes its releases and images below its own folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, settings: Settings) -> None:
    """Where sites and images of this test are."""
    settings.SITES_ROOT = tmp_path / "sites"
    settings.MEDIA_ROOT = tmp_path / "media"
