"""Browser tests: the real server, real Chromium, and no error in the console, ever.

The last point makes every browser test a test of the Content-Security-Policy as well.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.test import override_settings
from playwright.sync_api import sync_playwright

from tests.api.serving import web_server
from tests.browser.databases import inside
from tests.browser.seeding import Seeded, seed
from tests.plugins.engines import make_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page
    from pytest_django import DjangoDbBlocker

ROOT = Path(__file__).resolve().parents[3]
AXE = ROOT / "frontend/node_modules/axe-core/axe.min.js"
WCAG_22_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MILLISECONDS = 10_000


def chromium() -> str:
    """Debian's browser; without one the browser tests are skipped, in CI they fail."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if found is None:
        reason = "browser tests need Chromium: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def data_folder() -> Iterator[Path]:
    """Where the server keeps its files."""
    with tempfile.TemporaryDirectory(prefix="igny8-browser-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def seeded(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    worker_id: str,
    data_folder: Path,
) -> Seeded:
    """An account with something on every screen, in a database of its own."""
    chromium()
    name = f"igny8_browser_{worker_id}"
    with django_db_blocker.unblock():
        make_database(name)
        with inside(name):
            return seed(name, data_folder / "storage/media")


@pytest.fixture(scope="session")
def server(seeded: Seeded, data_folder: Path) -> Iterator[str]:
    """The running web server on that database; its address."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("IGNY8_")}
    env["IGNY8_SECRET_KEY"] = settings.SECRET_KEY
    env["IGNY8_STRIPE_SECRET_KEY"] = "sk_test_browser"  # so that cards are offered; none calls it
    with web_server(seeded.database, data_folder, env) as url:
        yield url


@pytest.fixture(scope="module")
def browser(server: str) -> Iterator[Browser]:
    """One for each module: while it runs, its thread has an event loop."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield opened
        opened.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def context(browser: Browser, server: str, seeded: Seeded) -> Iterator[BrowserContext]:
    """A signed-in browser. Without motion a colour is never caught half-way through a fade."""
    opened = browser.new_context(
        base_url=server, reduced_motion="reduce", viewport={"width": 1440, "height": 900}
    )
    opened.set_default_timeout(WAIT_MILLISECONDS)
    opened.add_cookies([{"name": "sessionid", "value": seeded.session, "url": server}])
    yield opened
    opened.close()


@pytest.fixture
def page(
    context: BrowserContext, request: pytest.FixtureRequest, data_folder: Path
) -> Iterator[Page]:
    """A page that fails on any console error, but for answers that ``refused(402, …)`` expects.

    What the server broke on meanwhile is told with it.
    """
    log = data_folder / "web.log"
    read_before = log.stat().st_size
    marker = request.node.get_closest_marker("refused")
    expected = [f"with a status of {code} " for code in (marker.args if marker else ())]
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(text in message.text for text in expected):
            errors.append(message.text)

    opened = context.new_page()
    opened.on("console", note)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    with log.open("rb") as file:
        file.seek(read_before)
        errors += [line for line in file.read().decode().splitlines() if '"exception"' in line]
    assert errors == []


@pytest.fixture
def axe(page: Page) -> Callable[[], list[str]]:
    """Run axe-core on the page as it is now; each finding is ``rule: element``."""
    source = AXE.read_text(encoding="utf-8")

    def findings() -> list[str]:
        # evaluate(), not add_script_tag(): the policy refuses an inline script, and rightly so.
        page.evaluate(source)
        options = {"runOnly": {"type": "tag", "values": WCAG_22_AA}, "resultTypes": ["violations"]}
        result: Any = page.evaluate("options => axe.run(document, options)", options)
        return [f"{v['id']}: {node['html']}" for v in result["violations"] for node in v["nodes"]]

    return findings


@pytest.fixture
def rows(
    seeded: Seeded, data_folder: Path, django_db_blocker: DjangoDbBlocker
) -> Callable[[Callable[[], Any]], Any]:
    """Run a function on the server's rows and files: what a worker would do there."""
    places = data_folder / "storage"
    stored: dict[str, Any] = {
        name: {"BACKEND": storage["BACKEND"], "OPTIONS": {"location": places / name}}
        for name, storage in dict[str, Any](settings.STORAGES).items()
    }

    def run(function: Callable[[], Any]) -> Any:
        with (
            django_db_blocker.unblock(),
            inside(seeded.database),
            override_settings(STORAGES=stored),
        ):
            return function()

    return run
