"""The main job on the services of the domains: what a person would click, in order.

Everything is repeatable: run again on the same folder, the job finds what it made and goes on.
"""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from django.conf import settings

from igny8_core.auth import selectors as accounts
from igny8_core.auth import services as account_services
from igny8_core.business.automation import selectors as work
from igny8_core.business.automation.services.items import create_items
from igny8_core.business.billing import usage_selectors
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.billing.services.plan_periods import open_current_period
from igny8_core.business.content import selectors as content
from igny8_core.business.content.errors import GatesFailed
from igny8_core.business.content.services.edit_taxonomies import (
    create_taxonomy,
    set_content_taxonomies,
)
from igny8_core.business.content.services.guard_ideas import check_ideas, make_guarded_ideas
from igny8_core.business.content.services.images import plan_images
from igny8_core.business.content.services.review import approve_content, submit_for_review
from igny8_core.business.content.services.suggest_taxonomies import suggest_taxonomies
from igny8_core.business.content.services.writing_tasks import create_writing_tasks
from igny8_core.business.content.states import ContentStatus
from igny8_core.business.optimization import selectors as optimizations
from igny8_core.business.optimization.services.optimize_content import optimize_content
from igny8_core.business.optimization.services.requests import create_optimization_task
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.services.cluster_keywords import cluster_keywords
from igny8_core.business.planning.services.import_keywords import (
    analyse_keyword_file,
    import_keywords,
)
from igny8_core.business.planning.services.keyword_rows import ReadOptions
from igny8_core.business.publishing import selectors as publishing
from igny8_core.business.publishing.services.deploy_site import deploy_site
from igny8_core.cli.progress import Stalled
from igny8_core.common.errors import DomainError
from igny8_core.common.tenancy.context import acting, tenant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from igny8_core.auth.models import Account, Sector, Site
    from igny8_core.cli.progress import Step, Steps

ACCOUNT, OWNER = "Demo", "demo@example.com"
PASSWORD_FILE = "demo_password"  # noqa: S105 - a file name
INDUSTRY, SECTOR = "home-and-furniture", "furniture"
POLL_SECONDS = 0.25
STALL_SECONDS = 600.0


@dataclass(frozen=True)
class Outcome:
    """What the job left in the database, and where to look at it."""

    keywords: int
    clusters: int
    ideas: int
    tasks: int
    articles: int
    images: int
    credits_used: int
    credits_left: int
    release: int | None
    site_dir: str
    site_url: str
    seconds: float
    wanted_articles: int
    email: str
    password: str
    failures: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every article that was asked for is there, and published."""
        return (
            self.articles >= self.wanted_articles and self.release is not None and not self.failures
        )

    def summary(self) -> dict[str, object]:
        """What ``--json`` prints."""
        hidden = {"wanted_articles", "email", "password", "failures"}
        found = {name: value for name, value in asdict(self).items() if name not in hidden}
        return found | ({"failures": list(self.failures)} if self.failures else {})


REASON: Final = "A demo: it is shown as the built-in model wrote it."


def clock() -> datetime:
    """The time, for every service that is called."""
    return datetime.now(UTC)


class DemoJob:
    """One run of the main job.

    :param source: the keyword file.
    :param articles: how many articles the site should have in the end.
    :param began: monotonic time at which the command started.
    """

    def __init__(self, source: Path, *, articles: int, steps: Steps, began: float) -> None:
        self.source, self.articles, self.steps, self.began = source, articles, steps, began
        self.failures: list[str] = []

    def run(self) -> Outcome:
        """Do all of it."""
        self.password = _password()
        self.account = self._open_account()
        with tenant(self.account.pk, read_only=True):
            self.owner_id = accounts.members(account=self.account).get().user_id
        with acting("command:demo"):
            self.site, self.sector = self._open_site()
            self._import()
            self._cluster()
            self._make_ideas()
            task_ids = self._queue_tasks()
            self._write(task_ids)
            self._draw_covers()
            self._file()
            self._improve()
            self._approve()
            self._publish()
        return self._outcome()

    def _open_account(self) -> Account:
        account_services.load_reference_data()
        account = accounts.account_by_slug(ACCOUNT.lower())
        if account is None:
            account = account_services.open_account(
                name=ACCOUNT, owner_email=OWNER, owner_password=self.password, plan_code="agency"
            )
        account_services.set_password(email=OWNER, password=self.password)
        open_current_period(account=account, now=clock())  # the plan's credits
        return account

    def _open_site(self) -> tuple[Site, Sector]:
        name = f"{self.source.stem.replace('_', ' ').replace('-', ' ').title()} demo"
        with tenant(self.account.pk, read_only=True):
            found = {site.name: site for site in accounts.sites(account=self.account)}
        site = found.get(name) or account_services.create_site(
            account=self.account, name=name, industry_slug=INDUSTRY, sector_slugs=[SECTOR]
        )
        with tenant(self.account.pk, read_only=True):
            sector = accounts.sectors(account=self.account, site=site).get()
        return site, sector

    def _import(self) -> None:
        with self.steps.step(f"Importing {self.source.name}") as step:
            analysed = analyse_keyword_file(
                account=self.account,
                site=self.site,
                sector=self.sector,
                file_name=self.source.name,
                data=self.source.read_bytes(),
                options=ReadOptions(),
                now=clock(),
            )
            done = import_keywords(account=self.account, import_id=analysed.pk, clock=clock)
            step.note = f"{done.created + done.updated + done.unchanged:,} keywords"

    def _cluster(self) -> None:
        with self.steps.step("Clustering on this machine") as step:
            cluster_keywords(
                account=self.account,
                site=self.site,
                sector=self.sector,
                clock=clock,
                credits=AccountCredits(self.account),
            )
            step.note = f"{self._planning().clusters:,} clusters"

    def _make_ideas(self) -> None:
        with self.steps.step("Making ideas") as step:
            make_guarded_ideas(
                account=self.account,
                site=self.site,
                sector=self.sector,
                clock=clock,
                credits=AccountCredits(self.account),
            )
            step.note = f"{self._planning().ideas:,} ideas"

    def _queue_tasks(self) -> list[int]:
        """Accept the best ideas until the site has as many writing tasks as it should have."""
        check_ideas(account=self.account, site=self.site, now=clock())
        with tenant(self.account.pk, read_only=True):
            tasks = content.writing_tasks(account=self.account, site=self.site)
            known = list(tasks.order_by("pk").values_list("pk", flat=True))
            missing = max(self.articles - len(known), 0)
            best = planning.best_ideas(account=self.account, sector=self.sector, limit=missing)
            idea_ids = [idea.pk for idea in best]
        made = create_writing_tasks(account=self.account, idea_ids=idea_ids, now=clock())
        return [*known, *(task.pk for task in made)]

    def _write(self, task_ids: Sequence[int]) -> None:
        with self.steps.step("Writing articles") as step:
            item_ids = create_items(
                account=self.account,
                kind="content.generate",
                related_type="writing_task",
                related_ids=task_ids,
                work_class="ai_text",
                now=clock(),
            )
            self._wait(item_ids, step, "articles")

    def _draw_covers(self) -> None:
        with self.steps.step("Drawing covers") as step:
            with tenant(self.account.pk, read_only=True):
                rows = content.contents(account=self.account, site=self.site)
                article_ids = list(rows.order_by("pk").values_list("pk", flat=True))
            image_ids = plan_images(account=self.account, content_ids=article_ids, now=clock())
            item_ids = create_items(
                account=self.account,
                kind="image.generate",
                related_type="image",
                related_ids=image_ids,
                work_class="ai_image",
                now=clock(),
            )
            self._wait(item_ids, step, "covers")

    def _file(self) -> None:
        """Give each article the categories and tags that fit it, unless it has some."""
        with self.steps.step("Filing articles") as step:
            for article in self._articles():
                with tenant(self.account.pk, read_only=True):
                    has = content.content_taxonomies(account=self.account, content=article).exists()
                if not has:
                    self._file_one(article.pk)
            with tenant(self.account.pk, read_only=True):
                count = content.taxonomies(account=self.account, site=self.site.pk).count()
            step.note = f"{count} categories and tags"

    def _file_one(self, content_id: int) -> None:
        ids = []
        for one in suggest_taxonomies(account=self.account, content_id=content_id):
            known = one.taxonomy_id
            if known is None:
                made = create_taxonomy(
                    account=self.account,
                    site_id=self.site.pk,
                    taxonomy_type=one.taxonomy_type,
                    name=one.name,
                    slug=one.slug,
                )
                known = made.pk
            ids.append(known)
        set_content_taxonomies(account=self.account, content_id=content_id, taxonomy_ids=ids)

    def _improve(self) -> None:
        """Let rules propose changes to the first article: free, and a person decides on them."""
        with self.steps.step("Proposing changes") as step:
            with tenant(self.account.pk, read_only=True):
                is_done = optimizations.optimization_tasks(account=self.account).exists()
            articles = self._articles()
            if is_done or not articles:
                step.note = "done before"
                return
            task = create_optimization_task(
                account=self.account, content_id=articles[0].pk, is_by_rules=True
            )
            with suppress(DomainError):  # an article that cannot be scored: the row says so
                optimize_content(
                    account=self.account,
                    optimization_task_id=task.pk,
                    fence=lambda: None,
                    clock=clock,
                )
            step.note = "1 article"

    def _articles(self) -> list[content.Content]:
        with tenant(self.account.pk, read_only=True):
            return list(content.contents(account=self.account, site=self.site).order_by("pk"))

    def _approve(self) -> None:
        """In the demo the command stands for the person who reviews."""
        with self.steps.step("Approving") as step:
            with tenant(self.account.pk, read_only=True):
                articles = list(content.contents(account=self.account, site=self.site))
            for article in articles:
                if article.status == ContentStatus.DRAFT:
                    submit_for_review(account=self.account, content_id=article.pk, now=clock())
                if article.status != ContentStatus.PUBLISHED:
                    self._approve_one(article.pk)
            step.note = f"{len(articles)} articles"

    def _approve_one(self, content_id: int) -> None:
        """What a hard gate stops stays in review, and the demo says so."""
        try:
            approve_content(
                account=self.account,
                content_id=content_id,
                user_id=self.owner_id,
                reason=REASON,
                now=clock(),
            )
        except GatesFailed as exc:
            self.failures.append(f"{exc.message} {' '.join(exc.texts)}")

    def _publish(self) -> None:
        with self.steps.step("Publishing the site") as step:
            record = deploy_site(
                account=self.account, site_id=self.site.pk, fence=lambda: None, clock=clock
            )
            step.note = f"release {record.version}"

    def _wait(self, item_ids: Sequence[int], step: Step, what: str) -> None:
        """Until every item has ended.

        :raises Stalled: nothing changed for ten minutes.
        """
        last, changed = None, time.monotonic()
        while True:
            with tenant(self.account.pk, read_only=True):
                found = work.progress(account=self.account, item_ids=item_ids)
            ended = found.total - found.open
            step.advance_to(ended, found.total, detail=f"{found.running} under way")
            if found.open == 0:
                break
            if found != last:
                last, changed = found, time.monotonic()
            if time.monotonic() - changed > STALL_SECONDS:
                raise Stalled(f"{what}: nothing moved for {STALL_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        step.note = f"{found.done} {what}"
        if found.done < found.total:
            with tenant(self.account.pk, read_only=True):
                rows = work.items(account=self.account).filter(pk__in=item_ids)
                self.failures += [f"{row.kind}: {row.error}" for row in rows if row.error]

    def _planning(self) -> planning.PipelineCounts:
        with tenant(self.account.pk, read_only=True):
            return planning.pipeline_counts(account=self.account, site=self.site)

    def _outcome(self) -> Outcome:
        account = accounts.account(self.account.pk)
        with tenant(account.pk, read_only=True):
            counted = planning.pipeline_counts(account=account, site=self.site)
            written = content.content_counts(account=account, site=self.site)
            live = publishing.live_deployment(account=account, site=self.site)
            used = sum(row.credits for row in usage_selectors.usage_by_operation(account=account))
        return Outcome(
            keywords=counted.keywords,
            clusters=counted.clusters,
            ideas=counted.ideas,
            tasks=written.tasks_queued + written.tasks_completed,
            articles=written.published,
            images=written.images_generated,
            credits_used=used,
            credits_left=account.credits,
            release=live.version if live else None,
            site_dir=str(publishing.site_folder(site=self.site)),
            site_url=publishing.site_url(site=self.site),
            seconds=round(time.monotonic() - self.began, 1),
            wanted_articles=self.articles,
            email=OWNER,
            password=self.password,
            failures=tuple(self.failures),
        )


def _password() -> str:
    """The demo's password: made once, kept in the data folder for its owner alone."""
    file: Path = settings.DATA_DIR / PASSWORD_FILE
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(9))
    return file.read_text().strip()
