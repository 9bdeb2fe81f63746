"""What people say of articles and their blocks while they review them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from igny8_core.business.content import selectors
from igny8_core.business.content.models import Content, ContentComment
from igny8_core.business.content.states import CommentKind
from igny8_core.common.errors import InvalidInput, Refused
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account

TEXT_LENGTH: Final = 5_000
OPEN_MAX: Final = 500
"""Unsettled remarks on one article."""


@tenant_atomic()
def add_comment(
    *,
    account: Account,
    content_id: int,
    text: str,
    block_id: str = "",
    user_id: int | None = None,
) -> ContentComment:
    """Remark on an article, or on one of its blocks. The article stays as it is.

    :param block_id: of a block that the stored version has; empty for the whole article.
    :raises NotFound: no such article.
    :raises InvalidInput: no text, too much of it, no such block, or too many open remarks.
    """
    row = selectors.content(account=account, content_id=content_id)
    if block_id and block_id not in {block.get("id") for block in row.blocks}:
        raise InvalidInput("no such block", block_id=["The article has no such block."])
    open_ones = selectors.comments(account=account, content=row, is_resolved=False)
    if open_ones.count() >= OPEN_MAX:
        raise InvalidInput("too many", text=[f"At most {OPEN_MAX} open comments."])
    return _write(row, text=text, block_id=block_id, user_id=user_id)


def note_sent_back(row: Content, *, note: str, user_id: int | None) -> ContentComment:
    """Keep why an article went back beside what else is said of it; in the open block."""
    return _write(row, text=note, kind=CommentKind.SENT_BACK, user_id=user_id)


@tenant_atomic()
def edit_comment(
    *, account: Account, comment_id: int, text: str, user_id: int | None = None
) -> ContentComment:
    """Change one's own remark, or one that no person wrote.

    :raises NotFound: no such comment.
    :raises Refused: somebody else wrote it.
    :raises InvalidInput: no text, or too much of it.
    """
    row = selectors.comment(account=account, comment_id=comment_id)
    if row.author_id not in {None, user_id}:
        raise Refused("Only its author may change a comment.", comment_id=row.pk)
    row.text = _checked(text)
    row.save(update_fields=["text", "updated_at"])
    return row


@tenant_atomic()
def resolve_comment(
    *, account: Account, comment_id: int, user_id: int | None = None, now: datetime
) -> ContentComment:
    """Settle a remark. A repeat keeps who did it first.

    :raises NotFound: no such comment.
    """
    rows = ContentComment.objects.for_account(account).filter(pk=comment_id, resolved_at=None)
    rows.update(resolved_at=now, resolved_by_id=user_id, updated_at=now)
    return selectors.comment(account=account, comment_id=comment_id)


@tenant_atomic()
def reopen_comment(*, account: Account, comment_id: int, now: datetime) -> ContentComment:
    """Take the settling of a remark back; one that is open stays so.

    :raises NotFound: no such comment.
    """
    rows = ContentComment.objects.for_account(account).filter(
        pk=comment_id, resolved_at__isnull=False
    )
    rows.update(resolved_at=None, resolved_by_id=None, updated_at=now)
    return selectors.comment(account=account, comment_id=comment_id)


@tenant_atomic()
def delete_comment(*, account: Account, comment_id: int) -> None:
    """Remove a remark for good. Why an article went back stays.

    :raises NotFound: no such comment.
    :raises Refused: it says why the article was sent back.
    """
    row = selectors.comment(account=account, comment_id=comment_id)
    if row.kind == CommentKind.SENT_BACK:
        raise Refused("Why an article was sent back is kept.", comment_id=row.pk)
    row.delete()


def _write(
    row: Content,
    *,
    text: str,
    block_id: str = "",
    kind: CommentKind = CommentKind.COMMENT,
    user_id: int | None,
) -> ContentComment:
    comment = ContentComment(
        account_id=row.account_id,
        content_id=row.pk,
        version=row.version,
        block_id=block_id,
        kind=kind,
        text=_checked(text),
        author_id=user_id,
    )
    comment.save()
    return comment


def _checked(text: str) -> str:
    plain = text.strip()
    if not plain or len(plain) > TEXT_LENGTH:
        raise InvalidInput("say something", text=[f"1 to {TEXT_LENGTH:,} characters"])
    return plain
