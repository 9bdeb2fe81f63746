"""From sign-up to a published article and a finished run: one person, one browser, the whole stack.

Every click is one that a person makes; workers, ticker and web server are those of `igny8 up`. Only
the language model is ours: a server on loopback that says something new each time.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import FilePayload, expect, sync_playwright

from igny8_core.engines.stack import running
from tests.browser.conftest import FLAGS, chromium
from tests.business.planning.imports.samples import KMT, text_file
from tests.engines.prepared import prepared
from tests.fakes.ai_server import AiServer, Fault
from tests.make.content import sentence
from tests.wordpress.server import missing_packages, throwaway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from igny8_core.engines.background import RunningStack
    from tests.wordpress.server import RealWordPress

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]

EMAIL, PASSWORD = "ada@example.com", "a long pass phrase of ours"
CLASSES = ("Coffee & Cocktail Tables", "Dressers & Chests", "Desks")
KEYWORDS_OF_A_CLASS = 8
CREDITS = 5_000
"""What the free plan brings does not pay for a whole run."""

REFUSED = (
    "Failed to load resource: the server responded with a status of 422 (Unprocessable Entity)"
)
CLICK_MILLISECONDS = 20_000
EXPECT_MILLISECONDS = 5_000
"""Playwright's own."""

PATIENCE_MILLISECONDS = 180_000
GRANT = "SELECT outcome FROM ledger.grant_credits(%s, 'journey', 'promo', %s, 50, NULL, now())"
LEDGER = """
SELECT w.balance, w.held, coalesce((SELECT sum(amount) FROM billing_credittransaction t
                                     WHERE t.account_id = w.account_id), 0)
  FROM billing_creditwallet w
"""


@pytest.fixture
def model() -> Iterator[AiServer]:
    """The platform's model: it never says the same thing twice."""
    with AiServer() as server:
        server.will(*(" ".join(sentence(n * 40 + m) for m in range(20)) for n in range(400)))
        yield server


@pytest.fixture
def wordpress() -> Iterator[RealWordPress | None]:
    """A real WordPress where Debian's packages are there; else the journey goes without."""
    if missing_packages():
        yield None
        return
    made = throwaway()
    yield made
    made.stop()


@pytest.fixture
def stack(
    tmp_path: Path, schema: Path, model: AiServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningStack]:
    """`igny8 up` in a folder of its own."""
    chromium()
    for name, value in {
        "IGNY8_TEXT_MODEL": "openai_compatible:gpt-4.1-mini",
        "IGNY8_OPENAI_BASE_URL": model.url,
        "IGNY8_OPENAI_API_KEY": "sk-secret-of-the-test-0001",
        "IGNY8_LOCAL_MODEL_URL": model.url,
        "IGNY8_SITE_PRIVATE_ADDRESSES": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    with running(prepared(tmp_path / "igny8", schema), port=0, quiet=True) as started:
        yield started


@pytest.fixture
def person(stack: RunningStack) -> Iterator[Page]:
    """A browser that has never been here; its console tells of one refusal and nothing else."""
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        context = browser.new_context(
            base_url=stack.url, reduced_motion="reduce", viewport={"width": 1440, "height": 900}
        )
        context.set_default_timeout(CLICK_MILLISECONDS)
        expect.set_options(timeout=CLICK_MILLISECONDS)
        page = context.new_page()
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        browser.close()
        expect.set_options(timeout=EXPECT_MILLISECONDS)
    assert errors == [REFUSED]


def test_from_sign_up_to_a_finished_run(
    person: Page, stack: RunningStack, model: AiServer, wordpress: RealWordPress | None
) -> None:
    with telling(person):
        sign_up(person, stack)
        site = set_up_the_site(person)
        import_keywords(person)
        cluster(person, site)
        accept_an_idea(person, site)
        write(person, site)
        edit_until_the_score_rises(person)
        if wordpress is not None:
            connect_wordpress(person, wordpress)
        title = approve(person, site)
        publish(person, site, title)
        if wordpress is not None:
            see_it_at_wordpress(wordpress, title)
        grant_credits(stack)
        pause_and_resume_a_run(person, site, model)
        ledger_agrees(person, stack)


@contextmanager
def telling(person: Page) -> Iterator[None]:
    """What fails, fails with what the person sees."""
    try:
        yield
    except (AssertionError, PlaywrightError) as exc:
        exc.add_note(f"{person.url}:\n{person.locator('body').inner_text()}")
        raise


def sign_up(person: Page, stack: RunningStack) -> None:
    person.goto("/sign-up/")
    person.get_by_role("link", name="Home and furniture").click()
    person.get_by_label("Name of the site").fill("Sofa House")
    person.get_by_label("Furniture", exact=True).check()
    person.get_by_label("Name of the account").fill("Ada's company")
    person.get_by_label("E-mail address").fill(EMAIL)
    person.get_by_label("Password").fill(PASSWORD)
    person.get_by_role("button", name="Open the account").click()
    expect(person.get_by_role("heading", name="Check your mail")).to_be_visible()
    person.goto(link_in_mail(stack))
    person.get_by_role("button", name="Yes, confirm it").click()


def link_in_mail(stack: RunningStack) -> str:
    """Where the mail leads; without a mail server it is printed to the log of the web server."""
    logs = stack.folder.logs
    wait(lambda: _links(logs), "the mail")
    return _links(logs)[-1]


def _links(logs: Path) -> list[str]:
    said = "\n".join(file.read_text(errors="replace") for file in logs.glob("web*"))
    return re.findall(r"/verify/[-:\w]+/", said)


def set_up_the_site(person: Page) -> str:
    """The first steps; returns the address of the sector's screens."""
    expect(person.get_by_role("heading", name="Set up Sofa House")).to_be_visible()
    person.get_by_text("Gazette").click()
    person.get_by_role("button", name="Use the static site").click()
    expect(person.get_by_role("heading", name=re.compile("Bring your keywords"))).to_be_visible()
    address = person.get_by_role("link", name="Type a few keywords").get_attribute("href") or ""
    return address.removesuffix("planning/keywords/")


def import_keywords(person: Page) -> None:
    queries = searched_for()
    file = FilePayload(name="furniture_broad-match_us.csv", mimeType="text/csv", buffer=export())
    person.locator("input[type=file]").set_input_files(file)
    person.get_by_role("button", name=f"Import {len(queries)} keywords").click()
    look = person.get_by_role("link", name="Look at the keywords")
    expect(look).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    look.click()
    expect(person.locator("tbody tr")).to_have_count(len(queries))


def searched_for() -> list[str]:
    """What people asked a furniture shop for: of the packaged list, some of a few classes."""
    packaged = resources.files("igny8_core.data").joinpath("wands.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in packaged.splitlines()[1:]]
    return [
        query
        for name in CLASSES
        for query in [query for query, label in rows if label == name][:KEYWORDS_OF_A_CLASS]
    ]


def export() -> bytes:
    """The queries as Semrush's Keyword Magic Tool exports them."""
    rows = [
        f"{query},Commercial,{90 + 40 * n},,{20 + n},0.{40 + n},0.9{n % 10},,{1_000 * n}"
        for n, query in enumerate(searched_for())
    ]
    return text_file(KMT, *rows)


def cluster(person: Page, site: str) -> None:
    person.get_by_role("button", name="Cluster new keywords").click()
    person.get_by_role("dialog").get_by_role("button", name="Cluster").click()
    until(person, f"{site}planning/clusters/", "tbody tr a")
    assert person.locator("tbody tr").count() >= 2


def accept_an_idea(person: Page, site: str) -> None:
    person.goto(f"{site}planning/ideas/")
    person.get_by_role("button", name="Make ideas").click()
    person.get_by_role("dialog").get_by_role("button", name="Make ideas").click()
    until(person, f"{site}planning/ideas/", "[data-status=new] .board-card")
    person.locator("[data-status=new] .board-card .check").first.click()
    person.get_by_role("button", name="Accept", exact=True).click()
    person.get_by_role("dialog").get_by_role("button", name="Accept").click()
    expect(person.locator("[data-status=queued] .board-card")).to_have_count(1)


def write(person: Page, site: str) -> None:
    person.goto(f"{site}writing/tasks/")
    person.get_by_role("button", name=re.compile("^Write: ")).click()
    person.get_by_role("dialog").get_by_role("button", name="Write").click()
    until(person, f"{site}writing/tasks/?view=completed", "tbody a.btn")
    person.locator("tbody a.btn").first.click()
    expect(person.locator(".review-text")).to_contain_text("version 1")


def edit_until_the_score_rises(person: Page) -> None:
    before = score(person)
    title = person.locator("[name=title]").input_value()
    keyword = person.locator("[name=primary_keyword]").input_value()
    rich, source = (
        person.get_by_role("textbox", name="Text of the article"),
        person.locator("#html"),
    )
    if source.is_visible():  # an article with pictures is edited as HTML
        source.fill(f"<p>{keyword.capitalize()} in short.</p>{source.input_value()}")
    else:
        rich.click()
        person.keyboard.press("Control+Home")
        person.keyboard.type(f"{keyword.capitalize()} in short. ")
    person.locator("[name=meta_title]").fill(f"{title}: what to know"[:58])
    person.locator("[name=meta_description]").fill(
        f"{keyword.capitalize()}: how to choose, what to measure and what to look after, told in"
        " five minutes by people who sell them."
    )
    person.get_by_role("button", name="Save", exact=True).click()
    expect(person.locator(".review-text")).to_contain_text("version 2")
    after = score(person)
    assert after > before


def score(person: Page) -> int:
    person.get_by_role("button", name="Score now", exact=True).click()
    ring = person.locator("#panel svg.donut").first
    expect(ring).to_be_visible()
    return int((ring.text_content() or "0").strip())


def connect_wordpress(person: Page, wordpress: RealWordPress) -> None:
    article = person.url
    person.goto("/settings/integrations/")
    person.get_by_role("link", name=re.compile("^Connect")).click()
    person.get_by_role("link", name=re.compile("^WordPress")).click()
    form = person.locator("form", has=person.locator("[name=application_password]"))
    form.get_by_label("Address of the site").fill(wordpress.url)
    form.get_by_label("User name").fill("editor")
    password = wordpress.users["editor"]["application_password"]
    form.get_by_label("Application password").fill(password)
    form.get_by_role("button", name="Connect and check").click()
    works = person.get_by_role("heading", name="Everything works")
    expect(works).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    person.get_by_role("link", name="Choose what goes out by itself").click()
    person.get_by_label("Goes out by itself").select_option("approved")
    person.get_by_role("button", name="Save", exact=True).click()
    expect(person.get_by_text("Saved.")).to_be_visible()
    person.goto(article)


def approve(person: Page, site: str) -> str:
    title = person.locator("[name=title]").input_value()
    to_review = person.get_by_role("button", name="To review")
    if to_review.count():
        to_review.click()
    person.get_by_role("button", name="Approve", exact=True).click()
    # What our model wrote repeats itself: that may be overridden, by somebody who says why.
    expect(person.locator(".review-text [role=alert]")).to_contain_text("Say it once.")
    person.get_by_label("Why it may go out as it is").fill("The refrain is meant.")
    person.get_by_role("button", name="Approve with this reason").click()
    expect(person.locator(".review-text .pill").first).to_have_text("Approved")
    return title


def publish(person: Page, site: str, title: str) -> None:
    person.goto(f"{site}growing/publishing/")
    person.get_by_role("button", name="Deploy the site").click()
    person.get_by_role("dialog").get_by_role("button", name="Deploy").click()
    until(person, f"{site}growing/publishing/", "#publishing .pill-ok:has-text('Live')")
    with person.expect_navigation():
        person.get_by_role("link", name="View the site").click()
    expect(person.locator("body")).to_contain_text(title)


def see_it_at_wordpress(wordpress: RealWordPress, title: str) -> None:
    def is_there() -> bool:
        return [post["title"] for post in wordpress.posts(status="publish")].count(title) == 1

    wait(is_there, "the article at WordPress")


def grant_credits(stack: RunningStack) -> None:
    """What an operator gives, through the ledger's own function."""
    with psycopg.connect(stack.addresses["admin_database_url"]) as database:
        [(account,)] = database.execute("SELECT account_id FROM billing_creditwallet")
    with psycopg.connect(stack.addresses["database_url"]) as database:
        database.execute("SELECT set_config('igny8.account_id', %s, true)", [str(account)])
        assert database.execute(GRANT, [account, CREDITS]).fetchone() == ("created",)


def pause_and_resume_a_run(person: Page, site: str, model: AiServer) -> None:
    person.goto(f"{site}growing/automation/")
    model.will_first(Fault.SLOW)
    person.get_by_role("button", name="Run now").click()
    person.get_by_role("dialog").get_by_role("button", name="Start the run").click()
    status = person.get_by_role("status").first
    person.get_by_role("button", name="Pause").click()
    expect(status).to_have_text("Paused", timeout=PATIENCE_MILLISECONDS)
    person.get_by_role("button", name="Resume").click()
    expect(status).to_have_text("Completed", timeout=PATIENCE_MILLISECONDS)
    person.get_by_role("link", name="Review finished drafts").click()
    expect(person.locator("#contents tbody tr")).not_to_have_count(0)


def ledger_agrees(person: Page, stack: RunningStack) -> None:
    with psycopg.connect(stack.addresses["admin_database_url"]) as database:
        balance, held, moved = database.execute(LEDGER).fetchone() or (0, 0, 0)
    person.goto("/billing/ledger/")
    shown = person.locator("tbody tr").first.locator("td.num").last

    assert (balance, held) == (moved, 0)
    expect(shown).to_have_text(f"{balance:,}")


def until(person: Page, address: str, selector: str) -> None:
    """Look again until a worker has made it, as a person does who waits."""

    def is_there() -> bool:
        person.goto(address)
        return person.locator(selector).count() > 0

    wait(is_there, selector)


def wait(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_MILLISECONDS / 1000
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.5)
