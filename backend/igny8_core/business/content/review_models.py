"""What reviewers say of articles, and what tells near-duplicates apart."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from igny8_core.auth.models import AccountBaseModel, choices_check
from igny8_core.business.content.model_keys import child_index
from igny8_core.business.content.states import CommentKind
from igny8_core.common.tenancy.constraints import CompositeForeignKey
from igny8_core.common.tenancy.managers import aligned


class ContentComment(AccountBaseModel):
    """A remark on an article, or on one block of it. It ends when somebody settles it."""

    content = aligned("content.Content")
    version = models.PositiveIntegerField(help_text="Of the article, when it was written.")
    block_id = models.CharField(max_length=41, blank=True, help_text="Empty: the whole article.")
    kind = models.CharField(max_length=16, choices=CommentKind, default=CommentKind.COMMENT)
    text = models.TextField()
    author_id = models.BigIntegerField(null=True, blank=True, help_text="A user; or a program.")
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by_id = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            CompositeForeignKey(
                name="contentcomment_content",
                fields=["account", "content"],
                rel="content",
                to_fields=["account", "id"],
                error_field="content",
                violation_error_message="Content is of another account.",
            ),
            choices_check("kind", CommentKind, "contentcomment_kind"),
            models.CheckConstraint(name="contentcomment_text", condition=~Q(text="")),
            models.CheckConstraint(
                name="contentcomment_resolved",
                condition=Q(resolved_by_id__isnull=True) | Q(resolved_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["account", "id"], name="contentcomment_by_id"),
            child_index("content", "contentcomment_by_content"),
        ]


class ContentFingerprint(AccountBaseModel):
    """Some of an article's word sequences, as numbers: articles that share many are alike.

    Derived: made again whenever the article has another version.
    """

    site = aligned("igny8_auth.Site")
    content = aligned("content.Content")
    version = models.PositiveIntegerField(help_text="Of the article that it was made of.")
    shingles = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "content"], name="contentfingerprint_once"),
            CompositeForeignKey(
                name="contentfingerprint_content",
                fields=["account", "site", "content"],
                rel="content",
                to_fields=["account", "site", "id"],
                error_field="content",
                violation_error_message="Content is of another site.",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "site", "content"], name="contentfingerprint_site"),
        ]
