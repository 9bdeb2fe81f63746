"""Platforms, what is logged of them, and how far a site's synchronisation is."""

from __future__ import annotations

from django.db.models import TextChoices

from igny8_core.common.states import TransitionTable


class Platform(TextChoices):
    """What the other side runs."""

    WORDPRESS = "wordpress"
    SHOPIFY = "shopify"
    CUSTOM = "custom"


class PlatformType(TextChoices):
    """The kind of the platform; decides which client talks to it."""

    CMS = "cms"
    ECOMMERCE = "ecommerce"
    CUSTOM_API = "custom_api"


TYPE_OF_PLATFORM = {
    Platform.WORDPRESS: PlatformType.CMS,
    Platform.SHOPIFY: PlatformType.ECOMMERCE,
    Platform.CUSTOM: PlatformType.CUSTOM_API,
}


class SyncStatus(TextChoices):
    """Whether the integration's queue runs."""

    IDLE = "idle"
    SYNCING = "syncing"
    PAUSED = "paused"
    AUTH_FAILED = "auth_failed"


class ConflictPolicy(TextChoices):
    """What to do with an article that was changed at the site, too."""

    ASK = "ask"
    OVERWRITE = "overwrite"
    SKIP = "skip"


class EventType(TextChoices):
    """What an exchange with the site was about."""

    CONNECT = "connect"
    TEST = "test"
    PUBLISH = "publish"
    SYNC = "sync"
    WEBHOOK = "webhook"


class EventAction(TextChoices):
    """What was done in it."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    READ = "read"
    RECEIVE = "receive"


SYNC = TransitionTable(
    {
        SyncStatus.IDLE: {SyncStatus.SYNCING, SyncStatus.PAUSED, SyncStatus.AUTH_FAILED},
        SyncStatus.SYNCING: {SyncStatus.IDLE, SyncStatus.PAUSED, SyncStatus.AUTH_FAILED},
        SyncStatus.PAUSED: {SyncStatus.IDLE},  # a person resumes it
        SyncStatus.AUTH_FAILED: {SyncStatus.IDLE},  # new credentials were given
    }
)


class ItemState(TextChoices):
    """How an item at a site stands to ours."""

    NEW = "new"
    RESERVED = "reserved"
    LINKED = "linked"
    CONFLICT = "conflict"
    GONE = "gone"


LIVE_WORDS = frozenset({"publish", "published", "live"})
"""What sites call an item that visitors see."""

EXTERNAL_ITEM = TransitionTable(
    {
        ItemState.NEW: {ItemState.RESERVED, ItemState.LINKED},
        ItemState.RESERVED: {ItemState.LINKED, ItemState.CONFLICT, ItemState.GONE},
        ItemState.LINKED: {ItemState.CONFLICT, ItemState.GONE},
        ItemState.CONFLICT: {ItemState.LINKED, ItemState.GONE},  # a person decided
        ItemState.GONE: {ItemState.RESERVED, ItemState.LINKED},  # asked for, or it came back
    }
)


class WebhookStatus(TextChoices):
    """What became of a message that a site sent us."""

    RECEIVED = "received"
    PROCESSED = "processed"
    IGNORED = "ignored"
    FAILED = "failed"


WEBHOOK = TransitionTable(
    {
        WebhookStatus.RECEIVED: {
            WebhookStatus.PROCESSED,
            WebhookStatus.IGNORED,
            WebhookStatus.FAILED,
        },
        WebhookStatus.PROCESSED: frozenset(),
        WebhookStatus.IGNORED: frozenset(),
        WebhookStatus.FAILED: frozenset(),
    }
)


class PageImportStatus(TextChoices):
    """How far a file of pages is."""

    UPLOADED = "uploaded"
    ANALYSED = "analysed"
    IMPORTING = "importing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


PAGE_IMPORT = TransitionTable(
    {
        PageImportStatus.UPLOADED: {
            PageImportStatus.ANALYSED,
            PageImportStatus.FAILED,
            PageImportStatus.CANCELLED,
        },
        PageImportStatus.ANALYSED: {PageImportStatus.IMPORTING, PageImportStatus.CANCELLED},
        PageImportStatus.IMPORTING: {
            PageImportStatus.COMPLETED,
            PageImportStatus.FAILED,
            PageImportStatus.CANCELLED,
            PageImportStatus.ANALYSED,  # the lease ran out: whoever takes it next goes on
        },
        PageImportStatus.COMPLETED: frozenset(),
        PageImportStatus.FAILED: frozenset(),
        PageImportStatus.CANCELLED: frozenset(),
    }
)

UNFINISHED_IMPORTS = [
    PageImportStatus.UPLOADED.value,
    PageImportStatus.ANALYSED.value,
    PageImportStatus.IMPORTING.value,
]
"""A worker has something to do, if somebody asked for it."""
