"""What people say of articles and writing tasks: their role in clusters, and attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.content import selectors
from igny8_core.business.content.models import ContentAttribute, ContentClusterMap
from igny8_core.business.content.states import ClusterMapSource
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.states import ClusterRole
from igny8_core.common.errors import Conflict, InvalidInput
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.validation import check_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.auth.models import Account

ATTRIBUTE_FIELDS: Final = frozenset(
    {
        "attribute_type",
        "name",
        "value",
        "unit",
        "source",
        "external_id",
        "external_name",
        "metadata",
    }
)
VALUE_LENGTH: Final = 2_000
_CONTEXT: Final = ("account", "site", "sector", "content", "task", "cluster")


@tenant_atomic()
def create_cluster_map(
    *,
    account: Account,
    cluster_id: int,
    content_id: int | None = None,
    task_id: int | None = None,
    role: str = ClusterRole.SUPPORTING,
    source: str = ClusterMapSource.MANUAL,
) -> ContentClusterMap:
    """Say what an article or a writing task is to a cluster.

    :raises NotFound: one of the rows is unknown or deleted.
    :raises InvalidInput: neither article nor writing task, or rows of different sectors.
    :raises Conflict: that is said already; ``cluster_map_id`` says where.
    """
    row = ContentClusterMap(account_id=account.pk, role=role, source=source)
    _link(account, row, content_id=content_id, task_id=task_id)
    row.cluster = planning.cluster(account=account, cluster_id=cluster_id)
    row.fill_context()
    check_row(row, exclude=_CONTEXT)
    row.check_alignment()
    _check_unique(account, row)
    row.save()
    return row


@tenant_atomic()
def edit_cluster_map(
    *,
    account: Account,
    cluster_map_id: int,
    role: str | None = None,
    source: str | None = None,
) -> ContentClusterMap:
    """Change what an article or writing task is to a cluster, or where that comes from.

    :raises NotFound: no such map.
    :raises Conflict: there is a map of the same rows with this role.
    """
    row = selectors.cluster_map(account=account, cluster_map_id=cluster_map_id)
    row.role, row.source = role or row.role, source or row.source
    check_row(row, exclude=_CONTEXT)
    _check_unique(account, row)
    row.save(update_fields=["role", "source", "updated_at"])
    return row


@tenant_atomic()
def delete_cluster_map(*, account: Account, cluster_map_id: int) -> None:
    """Remove a map for good; the article and the cluster stay.

    :raises NotFound: no such map.
    """
    selectors.cluster_map(account=account, cluster_map_id=cluster_map_id).delete()


@tenant_atomic()
def create_attribute(
    *,
    account: Account,
    content_id: int | None = None,
    task_id: int | None = None,
    cluster_id: int | None = None,
    **fields: Any,
) -> ContentAttribute:
    """Note a fact that an article, a writing task or all articles of a cluster should state.

    :param fields: of :data:`ATTRIBUTE_FIELDS`.
    :raises NotFound: one of the rows is unknown or deleted.
    :raises InvalidInput: by field; no row to hang on, or rows of different sectors.
    """
    row = ContentAttribute(account_id=account.pk)
    if cluster_id is not None:
        row.cluster = planning.cluster(account=account, cluster_id=cluster_id)
    _link(account, row, content_id=content_id, task_id=task_id, is_enough=cluster_id is not None)
    row.fill_context()
    _assign(row, fields)
    row.check_alignment()
    row.save()
    return row


@tenant_atomic()
def edit_attribute(
    *, account: Account, attribute_id: int, changes: Mapping[str, Any]
) -> ContentAttribute:
    """Change an attribute; what it hangs on stays.

    :param changes: of :data:`ATTRIBUTE_FIELDS`.
    :raises NotFound: no such attribute.
    :raises InvalidInput: by field.
    """
    row = selectors.content_attribute(account=account, attribute_id=attribute_id)
    _assign(row, changes)
    row.save(update_fields=[*changes, "updated_at"])
    return row


@tenant_atomic()
def delete_attribute(*, account: Account, attribute_id: int) -> None:
    """Remove an attribute for good.

    :raises NotFound: no such attribute.
    """
    selectors.content_attribute(account=account, attribute_id=attribute_id).delete()


def _link(
    account: Account,
    row: ContentClusterMap | ContentAttribute,
    *,
    content_id: int | None,
    task_id: int | None,
    is_enough: bool = False,
) -> None:
    """Hang the row on an article, a writing task, or both."""
    if content_id is not None:
        row.content = selectors.content(account=account, content_id=content_id)
    if task_id is not None:
        row.task = selectors.writing_task(account=account, writing_task_id=task_id)
    if content_id is None and task_id is None and not is_enough:
        choices = " or ".join(row.context_relations)
        raise InvalidInput("it hangs on nothing", content=[f"Name {choices}."])


def _assign(row: ContentAttribute, changes: Mapping[str, Any]) -> None:
    if unknown := sorted(set(changes) - ATTRIBUTE_FIELDS):
        raise InvalidInput(
            "these fields cannot be set", **{n: ["is not editable"] for n in unknown}
        )
    for name, value in changes.items():
        setattr(row, name, " ".join(value.split()) if name == "name" else value)
    if len(row.value) > VALUE_LENGTH:
        raise InvalidInput(
            "the value is too long", value=[f"has more than {VALUE_LENGTH} characters"]
        )
    check_row(row, exclude=_CONTEXT)


def _check_unique(account: Account, row: ContentClusterMap) -> None:
    """The article's own maps count; without an article, the writing task's."""
    owner = {"content_id": row.content_id} if row.content_id else {"task_id": row.task_id}
    rows = ContentClusterMap.objects.for_account(account).filter(
        **owner, cluster_id=row.cluster_id, role=row.role
    )
    if not row.content_id:
        rows = rows.filter(content=None)
    same = rows.exclude(pk=row.pk).first()
    if same is not None:
        raise Conflict(
            "That is said already.",
            cluster_map_id=same.pk,
            role=["There is a map of the same rows with this role."],
        )
