"""A data folder whose database is migrated: what runs on it is there sooner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.engines.folder import DataFolder
from igny8_core.engines.postgres import DATABASE, EmbeddedPostgres
from tests.plugins.engines import load_schema

if TYPE_CHECKING:
    from pathlib import Path


def prepared(path: Path, schema: Path) -> Path:
    """Make the folder, as a first start would leave it; the way from nothing is the demo's test."""
    folder = DataFolder(path)
    folder.create()
    server = EmbeddedPostgres(folder.postgres, settings={"fsync": "off"})
    server.start()
    try:
        server.bootstrap()
        load_schema(schema, server.socket_dir, DATABASE)
    finally:
        server.stop()
    return path
