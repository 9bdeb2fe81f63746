"""The running API against its own document: what `schemathesis` makes up, and what comes back.

CI asks little, and the same every time: made-up cases and chains along the links. `make fuzz
EXAMPLES=150` asks as much as you like, and goes through the limits of every parameter as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from igny8_core.auth.access import api_keys
from igny8_core.auth.states import KeyScope, Role
from tests import make
from tests.api.seeding import seed_everything
from tests.api.serving import web_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.auth.models import Account

pytestmark = [pytest.mark.processes, pytest.mark.timeout(7200)]

CONFIG = Path(__file__).with_name("schemathesis.toml")
LEFT_OUT = 1
"""Operations that `schemathesis.toml` switches off."""
FEW = ("--max-examples", "3", "--phases", "fuzzing,stateful", "--generation-deterministic")


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_the_api_keeps_to_its_document(request: pytest.FixtureRequest) -> None:
    seeded = seed_everything()
    env = {name: value for name, value in os.environ.items() if not name.startswith("IGNY8_")}
    env |= {"IGNY8_SECRET_KEY": settings.SECRET_KEY} | credentials(seeded.account)
    examples = request.config.getoption("--fuzz-examples")
    database = str(connection.settings_dict["NAME"])

    with (
        tempfile.TemporaryDirectory(prefix="igny8-fuzz-") as name,
        web_server(database, folder := Path(name), env) as url,
    ):
        found = fuzz(url, folder, env, seeded.known, examples)
        report = json.loads((folder / "report.json").read_text())

    sys.stdout.write(found.stdout)  # shown with -s, and when it fails
    assert found.returncode == 0, found.stdout[-20_000:]
    assert report["stop_reason"] == "completed"
    assert report["operations"]["tested"] == report["operations"]["total"] - LEFT_OUT


def credentials(account: Account) -> dict[str, str]:
    """A key that opens the account, and the session of its owner for what no key opens."""

    def new_key(name: str) -> str:
        return api_keys.create_api_key(
            account=account,
            name=name,
            scope=KeyScope.ADMIN,
            created_by=None,
            granting=Role.OWNER,
            now=timezone.now(),
        )[1]

    secret = new_key("fuzz")
    new_key("the first of the list, which a chain of requests may revoke")
    browser = Client()
    browser.force_login(make.member(account, Role.OWNER))
    return {"FUZZ_KEY": secret, "FUZZ_SESSION": browser.cookies["sessionid"].value}


def fuzz(
    url: str,
    folder: Path,
    env: dict[str, str],
    known: Mapping[str, list[Any]],
    examples: int | None,
) -> subprocess.CompletedProcess[str]:
    """One run of schemathesis; its report is left in the folder."""
    tables = (f"\n[dictionaries.{name}]\nvalues = {json.dumps(v)}\n" for name, v in known.items())
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG.read_text() + "".join(tables))
    budget = FEW if examples is None else ("--max-examples", str(examples))
    command = ("schemathesis.cli", "--config-file", str(config), "--no-color", "run")
    report = ("--report-json-path", str(folder / "report.json"))
    return subprocess.run(
        [sys.executable, "-m", *command, f"{url}/api/v1/schema/", *budget, *report],
        env=env | {"FUZZ_URL": url},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
