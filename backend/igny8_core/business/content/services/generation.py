"""Write the article of one writing task: reserve, write section by section, save and capture.

A crash at any point leaves either nothing or the whole article. Sections that were answered are
in the journal of the door to the models; the next attempt finds them there and does not pay twice.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from igny8_core.ai import engine
from igny8_core.ai.errors import WorkCancelled
from igny8_core.ai.ports import ANY_TERMS
from igny8_core.ai.registry import text_providers
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.content import selectors
from igny8_core.business.content.errors import GateFailed
from igny8_core.business.content.models import (
    Content,
    ContentAttribute,
    ContentClusterMap,
    ContentTaxonomy,
    ContentTaxonomyLink,
    Tasks,
)
from igny8_core.business.content.services.assemble_article import Article, assemble
from igny8_core.business.content.services.check_gates import (
    PERCENT_SOFT,
    check_gates,
    hard_failures,
)
from igny8_core.business.content.services.gather_brief import Assignment, gather_assignment
from igny8_core.business.content.services.outline import make_outline
from igny8_core.business.content.services.seo_fields import make_slug
from igny8_core.business.content.services.slugs import lock_slugs, unused_slug
from igny8_core.business.content.services.suggest_taxonomies import fitting
from igny8_core.business.content.services.versions import keep_version
from igny8_core.business.content.services.write_sections import Writer
from igny8_core.business.content.states import TASK, TaskStatus, TaxonomyType, VersionReason
from igny8_core.business.planning.services.queue_ideas import complete_idea
from igny8_core.business.planning.services.sector_locks import lock_clusters
from igny8_core.business.planning.states import ClusterRole
from igny8_core.common.errors import DomainError, NotFound, StaleState, TransitionNotAllowed
from igny8_core.common.failpoints import failpoint
from igny8_core.common.soft_delete import lock_rows
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from igny8_core.ai.engine import Finish, Session
    from igny8_core.ai.journal import Completion
    from igny8_core.ai.ports import Terms, TextProvider
    from igny8_core.ai.prompts import RenderedPrompt
    from igny8_core.auth.models import Account

OPERATION: Final = "content"
RELATED_TYPE: Final = "writing_task"
WARMER: Final = 0.25
"""How much freer a model is when it is asked again."""

PROBLEMS_MAX: Final = 20
ERROR_LENGTH: Final = 1_000
MOVED_MEANWHILE: Final = ("account_id", "cluster_id", "idea_id", "taxonomy_id")
"""What an article stands on is what its task stands on when it is stored: while it was written,
clusters may have been merged. The rest of the brief stays as it was."""


def generate_content(
    *,
    account: Account,
    writing_task_id: int,
    fence: Callable[[], None],
    clock: Callable[[], datetime],
    lease_token: int = 0,
    terms: Terms = ANY_TERMS,
    providers: Sequence[TextProvider] | None = None,
) -> Content:
    """Write one article, once.

    Safe to repeat: a task that is written returns its article, and nothing is called or charged.
    Whatever fails, nothing of the article is stored and nothing is charged; the task stays queued
    with the reason.

    :param fence: called first inside the transaction that stores the article.
    :param lease_token: of the attempt, for the journal of calls.
    :param terms: limits beyond the account's own, and whether the article is still wanted.
    :param providers: instead of the account's own models.
    :raises NotFound: no such writing task.
    :raises InsufficientCredits: nothing was called.
    :raises CapReached: a limit on spending refuses; nothing was called.
    :raises WorkCancelled: the article is no longer wanted.
    :raises ProviderError: the model failed.
    :raises GateFailed: the text is not fit to be stored.
    :raises StaleState: another attempt took over or was faster.
    """
    try:
        models = list(providers) if providers is not None else text_providers(account)
        is_demo = bool(models) and models[0].capabilities.is_demo
        found = gather_assignment(account=account, writing_task_id=writing_task_id, is_demo=is_demo)
        if isinstance(found, Content):
            return found
        return _generate(
            found, models, account=account, fence=fence, clock=clock, token=lease_token, terms=terms
        )
    except (StaleState, WorkCancelled):
        raise
    except DomainError as exc:
        _note_failure(account=account, writing_task_id=writing_task_id, reason=exc.message)
        raise


def _generate(
    assignment: Assignment,
    models: Sequence[TextProvider],
    *,
    account: Account,
    fence: Callable[[], None],
    clock: Callable[[], datetime],
    token: int,
    terms: Terms,
) -> Content:
    task = assignment.task
    is_demo = models[0].capabilities.is_demo if models else False

    def save(article: Article, finish: Finish) -> Content:
        with tenant(account.pk, durable=True):
            fence()
            content = _store(account, task, article, now=clock())
            finish(quantities={"per_words": article.word_count})
            failpoint("content.before_commit")
        failpoint("content.after_commit")
        return content

    return engine.run(
        account=account,
        credits=AccountCredits(account, caps=terms.caps),
        operation=OPERATION,
        quantities={"per_words": words_at_most(task.target_word_count)},
        idempotency_key=f"content:{task.pk}",
        related_type=RELATED_TYPE,
        related_id=task.pk,
        lease_token=token,
        providers=models,
        work=lambda session: _write(assignment, session, is_demo=is_demo),
        save=save,
        is_cancelled=terms.is_cancelled,
        clock=clock,
    )


def words_at_most(target_words: int) -> int:
    """The longest article that passes the gates for a target: what is reserved."""
    return math.ceil(target_words * (100 + PERCENT_SOFT) / 100)


def _write(assignment: Assignment, session: Session, *, is_demo: bool) -> Article:
    """The article, judged. No transaction is open here."""

    def ask(prompt: RenderedPrompt, *, max_tokens: int, variant: int) -> Completion:
        return session.complete_text(
            prompt,
            max_tokens=max_tokens,
            temperature=min(1.0, prompt.temperature + WARMER * variant),
            variant=variant,
        )

    brief = assignment.brief
    writer = Writer(brief=brief, ask=ask, is_demo=is_demo, turn=assignment.task.pk)
    written = writer.write(make_outline(brief))
    article = assemble(brief, written, site_name=assignment.site_name)
    results = check_gates(
        article,
        target_words=brief.target_words,
        attributes=brief.attributes,
        is_hub=brief.role == ClusterRole.HUB,
    )
    problems = hard_failures(results)
    if problems:
        raise GateFailed(f"not fit to be stored: {problems[0]}", problems=problems[:PROBLEMS_MAX])
    failpoint("content.after_answers")
    return article


def _store(account: Account, task: Tasks, article: Article, *, now: datetime) -> Content:
    """All rows of a new article; inside the settle transaction."""
    lock_slugs(account, task.site_id)
    stands_on = Tasks.objects.for_account(account).filter(pk=task.pk).values_list("cluster_id")
    lock_clusters(account=account, cluster_ids=[pk for (pk,) in stands_on])  # first: so do mergers
    (locked,) = lock_rows(Tasks, account=account, ids=[task.pk], columns=MOVED_MEANWHILE)
    if locked.is_deleted:
        raise NotFound("the writing task was deleted meanwhile", writing_task_id=task.pk)
    for name in MOVED_MEANWHILE:
        setattr(task, name, getattr(locked, name))
    if selectors.content_of_task(account=account, writing_task_id=task.pk) is not None:
        raise StaleState("another attempt wrote the article", writing_task_id=task.pk)
    content = Content(
        account_id=task.account_id,
        site_id=task.site_id,
        sector_id=task.sector_id,
        task=task,
        cluster=task.cluster,
        title=article.title,
        html=article.html,
        blocks=article.stored_blocks,
        word_count=article.word_count,
        content_type=task.content_type,
        content_structure=task.content_structure,
        language=article.language,
        slug=unused_slug(account, task.site_id, article.slug or f"article-{task.pk}"),
        meta_title=article.meta_title,
        meta_description=article.meta_description,
        excerpt=article.excerpt,
        primary_keyword=article.primary_keyword,
        secondary_keywords=list(article.secondary_keywords),
        revised_at=now,
        provenance=article.provenance | {"written_at": now.isoformat()},
    )
    content.save()
    keep_version(content, reason=VersionReason.GENERATED)
    _take_over(account, task, content)
    _classify(account, task, content)
    advance(task, TaskStatus.COMPLETED, table=TASK, now=now, last_error="")
    if task.idea_id is not None:
        with suppress(NotFound, TransitionNotAllowed):  # deleted or taken back meanwhile
            complete_idea(account=account, idea_id=task.idea_id, now=now)
    return content


def _take_over(account: Account, task: Tasks, content: Content) -> None:
    """What hangs on the writing task is the article's now: its roles and its attributes."""
    maps = ContentClusterMap.objects.for_account(account).filter(task=task, content=None)
    said = set(maps.values_list("cluster_id", "role"))
    maps.update(content=content)
    if (task.cluster_id, task.role) not in said:
        ContentClusterMap(content=content, cluster=task.cluster, role=task.role).save()
    ContentAttribute.objects.for_account(account).filter(task=task, content=None).update(
        content=content
    )


def _classify(account: Account, task: Tasks, content: Content) -> None:
    """The task's own category or tag, else a category named like the cluster; and fitting tags.

    Tags are taken from those that the site has: a new one is for people to make.
    """
    fitting_ones = fitting(account, content)
    ids = {
        one.taxonomy_id
        for one in fitting_ones
        if one.taxonomy_id is not None and one.taxonomy_type == TaxonomyType.TAG
    }
    ids.add(task.taxonomy_id or _category(account, task, content))
    for taxonomy_id in sorted(ids):
        ContentTaxonomyLink(
            account_id=task.account_id,
            site_id=task.site_id,
            content=content,
            taxonomy_id=taxonomy_id,
        ).save()


def _category(account: Account, task: Tasks, content: Content) -> int:
    """The category named like the cluster, made where the site has none."""
    name = str(content.provenance["suggestions"]["category"])
    taxonomy, _ = ContentTaxonomy.objects.for_account(account).get_or_create(
        account_id=task.account_id,
        site_id=task.site_id,
        taxonomy_type=TaxonomyType.CATEGORY,
        slug=make_slug(name) or f"cluster-{task.cluster_id}",
        defaults={"name": name[:200]},
    )
    return int(taxonomy.pk)


@tenant_atomic()
def _note_failure(*, account: Account, writing_task_id: int, reason: str) -> None:
    """Say on the task why nothing was stored."""
    Tasks.objects.for_account(account).filter(pk=writing_task_id, status=TaskStatus.QUEUED).update(
        last_error=reason[:ERROR_LENGTH]
    )
