"""Writing tasks by hand: made without an idea, and changed while they wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.content import selectors
from igny8_core.business.content.models import Tasks
from igny8_core.business.content.services.writing_tasks import WORDS_MAX, WORDS_MIN, words_limit
from igny8_core.business.content.states import TaskStatus
from igny8_core.business.planning.services.sector_locks import hold_cluster
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.validation import check_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from igny8_core.auth.models import Account

EDITABLE: Final = frozenset(
    {
        "title",
        "description",
        "taxonomy_id",
        "content_type",
        "content_structure",
        "role",
        "keywords",
        "target_word_count",
    }
)
DEFAULT_WORDS: Final = 500
KEYWORDS_MAX: Final = 100
KEYWORD_LENGTH: Final = 255
DESCRIPTION_LENGTH: Final = 5_000
_RELATIONS: Final = ("account", "site", "sector", "cluster", "idea", "taxonomy")


@tenant_atomic()
def create_writing_task(*, account: Account, cluster_id: int, title: str, **fields: Any) -> Tasks:
    """Ask for an article about a cluster, without an idea.

    :param fields: of :data:`EDITABLE`; ``keywords`` is a list, the primary one first. Without
        ``target_word_count`` it is what the account's model can carry, 500 at most.
    :raises NotFound: no such cluster.
    :raises InvalidInput: by field; nothing was written.
    """
    task = Tasks(account_id=account.pk)
    task.cluster = hold_cluster(account=account, cluster_id=cluster_id)
    task.sector, task.site = task.cluster.sector, task.cluster.sector.site
    fields.setdefault("target_word_count", min(DEFAULT_WORDS, words_limit(account=account)))
    _assign(account, task, {"title": title, **fields})
    task.save()
    return selectors.writing_task(account=account, writing_task_id=task.pk)


@tenant_atomic()
def edit_writing_task(
    *, account: Account, writing_task_id: int, changes: Mapping[str, Any]
) -> Tasks:
    """Change a writing task that waits. An article that is being written keeps its brief.

    :param changes: of :data:`EDITABLE`.
    :raises NotFound: no such writing task, or no such taxonomy.
    :raises Conflict: it is written; nothing was changed.
    :raises InvalidInput: by field; nothing was changed.
    """
    rows = Tasks.objects.for_account(account).filter(LIVE, pk=writing_task_id)
    task: Tasks | None = rows.select_for_update(no_key=True).first()
    if task is None:
        raise NotFound("no such writing task", writing_task_id=writing_task_id)
    if task.status != TaskStatus.QUEUED:
        raise Conflict(
            "The task is written: change its article instead.",
            writing_task_id=task.pk,
            status=task.status,
        )
    _assign(account, task, changes)
    task.save()
    return selectors.writing_task(account=account, writing_task_id=task.pk)


def _assign(account: Account, task: Tasks, changes: Mapping[str, Any]) -> None:
    """Put values onto the row, checked by field.

    :raises InvalidInput: with every field that does not fit.
    """
    if unknown := sorted(set(changes) - EDITABLE):
        raise InvalidInput(
            "these fields cannot be set", **{n: ["is not editable"] for n in unknown}
        )
    problems: dict[str, list[str]] = {}
    for name, value in changes.items():
        if name == "keywords":
            task.keywords = _keyword_lines(value, problems)
        elif name == "taxonomy_id":
            task.taxonomy_id = value
        elif name == "title":
            task.title = " ".join(value.split())
        else:
            setattr(task, name, value)
    if not task.title:
        problems["title"] = ["is missing"]
    if len(task.description) > DESCRIPTION_LENGTH:
        problems["description"] = [f"has more than {DESCRIPTION_LENGTH} characters"]
    if not WORDS_MIN <= task.target_word_count <= WORDS_MAX:
        problems["target_word_count"] = [f"from {WORDS_MIN} to {WORDS_MAX}"]
    if problems:
        raise InvalidInput("the writing task cannot be like this", **problems)
    check_row(task, exclude=[*_RELATIONS, *problems])
    if task.taxonomy_id is not None:
        selectors.taxonomy(account=account, taxonomy_id=task.taxonomy_id)


def _keyword_lines(keywords: Sequence[str], problems: dict[str, list[str]]) -> str:
    """One a line, without repeats."""
    lines = dict.fromkeys(" ".join(keyword.split()) for keyword in keywords)
    lines.pop("", None)
    if len(lines) > KEYWORDS_MAX:
        problems["keywords"] = [f"at most {KEYWORDS_MAX}"]
    if any(len(line) > KEYWORD_LENGTH for line in lines):
        problems["keywords"] = [f"each has at most {KEYWORD_LENGTH} characters"]
    return "\n".join(lines)
