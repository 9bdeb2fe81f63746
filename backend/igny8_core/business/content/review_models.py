"""What reviewers say of articles, and what tells near-duplicates apart."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from igny8_core.auth.models import AccountBaseModel, choices_check
from igny8_core.business.content.model_keys import child_index
from igny8_core.business.content.states import CommentKind, VerdictOutcome, VerdictStep
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


class ContentVerdict(AccountBaseModel):
    """What the gates said of one version of an article, and who overrode it why. Append-only."""

    content = aligned("content.Content")
    version = models.PositiveIntegerField(help_text="Of the article that was judged.")
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of its title and HTML.")
    step = models.CharField(max_length=8, choices=VerdictStep)
    outcome = models.CharField(max_length=12, choices=VerdictOutcome)
    failed = models.JSONField(default=list, help_text="Gates that failed: gate, kind, problems.")
    reason = models.TextField(blank=True, help_text="Why soft gates were overridden.")
    decided_by_id = models.BigIntegerField(null=True, blank=True, help_text="A user; or a program.")
    actor = models.CharField(max_length=100, blank=True, help_text="user:7, key:3; or the system.")

    tenancy_privileges = "SELECT, INSERT, DELETE"  # deleted only with its article

    class Meta:
        constraints = [
            CompositeForeignKey(
                name="contentverdict_content",
                fields=["account", "content"],
                rel="content",
                to_fields=["account", "id"],
                error_field="content",
                violation_error_message="Content is of another account.",
            ),
            choices_check("step", VerdictStep, "contentverdict_step"),
            choices_check("outcome", VerdictOutcome, "contentverdict_outcome"),
            models.CheckConstraint(
                name="contentverdict_override_has_a_reason",
                condition=Q(outcome=VerdictOutcome.OVERRIDDEN) & ~Q(reason="")
                | ~Q(outcome=VerdictOutcome.OVERRIDDEN) & Q(reason=""),
            ),
        ]
        indexes = [
            models.Index(fields=["account", "content", "-id"], name="contentverdict_history"),
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
