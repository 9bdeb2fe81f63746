"""Kinds and lifecycles of writing tasks, content and images, and the only edges between states."""

from __future__ import annotations

from django.db.models import TextChoices

from igny8_core.common.states import TransitionTable


class TaskStatus(TextChoices):
    QUEUED = "queued"
    COMPLETED = "completed"


TASK = TransitionTable(
    {
        TaskStatus.QUEUED: {TaskStatus.COMPLETED},
        TaskStatus.COMPLETED: frozenset(),
    }
)


class ContentStatus(TextChoices):
    DRAFT = "draft"
    REVIEW = "review"
    PUBLISHED = "published"


CONTENT = TransitionTable(
    {
        ContentStatus.DRAFT: {ContentStatus.REVIEW},
        ContentStatus.REVIEW: {
            ContentStatus.DRAFT,  # sent back
            ContentStatus.PUBLISHED,
        },
        ContentStatus.PUBLISHED: {ContentStatus.REVIEW},  # taken down
    }
)


class ImageStatus(TextChoices):
    PENDING = "pending"
    GENERATED = "generated"
    FAILED = "failed"


IMAGE = TransitionTable(
    {
        ImageStatus.PENDING: {ImageStatus.GENERATED, ImageStatus.FAILED},
        ImageStatus.GENERATED: {ImageStatus.PENDING},  # a person asked for another one
        ImageStatus.FAILED: {ImageStatus.PENDING},  # a person asked for a retry
    }
)


class ImageType(TextChoices):
    FEATURED = "featured"
    IN_ARTICLE = "in_article"
    COVER = "cover"


class ContentSource(TextChoices):
    IGNY8 = "igny8"
    WORDPRESS = "wordpress"


class PageSource(TextChoices):
    """Where a page of a site was first heard of."""

    WXR = "wxr", "WordPress export"
    SITEMAP = "sitemap"
    CRAWL = "crawl"
    GSC = "gsc", "Search Console"
    OWN = "own", "written here"


class SyncStatus(TextChoices):
    """How a row stands to its counterpart on another platform."""

    NATIVE = "native"  # has none
    PENDING = "pending"
    SYNCED = "synced"
    FAILED = "failed"


CONTENT_SYNC = TransitionTable(
    {
        SyncStatus.NATIVE: {SyncStatus.PENDING},
        SyncStatus.PENDING: {
            SyncStatus.SYNCED,
            SyncStatus.FAILED,
            SyncStatus.NATIVE,  # its counterpart was let go before it was reached
        },
        SyncStatus.SYNCED: {
            SyncStatus.PENDING,  # one of the two was changed
            SyncStatus.NATIVE,
        },
        SyncStatus.FAILED: {SyncStatus.PENDING, SyncStatus.NATIVE},
    }
)


class TaxonomyType(TextChoices):
    CATEGORY = "category"
    TAG = "tag"


class ClusterMapSource(TextChoices):
    BLUEPRINT = "blueprint"
    MANUAL = "manual"
    IMPORT = "import"


class AttributeType(TextChoices):
    PRODUCT_SPEC = "product_spec"
    SERVICE_MODIFIER = "service_modifier"
    SEMANTIC_FACET = "semantic_facet"


class VersionReason(TextChoices):
    """Why a version of an article was kept."""

    GENERATED = "generated"
    EDITED = "edited"
    RESTORED = "restored"
    OPTIMIZED = "optimized"
    IMPORTED = "imported"
    REPARSED = "reparsed"  # the same words, as blocks
    LINKED = "linked"  # the same words, with links to other articles


class CommentKind(TextChoices):
    """What a comment on an article is."""

    COMMENT = "comment"
    SENT_BACK = "sent_back", "sent back"


class GateKind(TextChoices):
    """Whether what a gate found can be overridden."""

    HARD = "hard"  # by nobody
    SOFT = "soft"  # by a person, with a reason


class VerdictStep(TextChoices):
    """Before which step the gates judged an article."""

    SUBMIT = "submit", "handed over"
    APPROVE = "approve", "approval"
    PUBLISH = "publish", "going live"


class VerdictOutcome(TextChoices):
    """What became of an article at its gates."""

    PASSED = "passed"
    OVERRIDDEN = "overridden"  # soft gates failed, and a person said why that is well
    REFUSED = "refused"
