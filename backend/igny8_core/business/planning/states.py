"""Words of the planner: lifecycles, intents, roles, and the vocabulary of content.

The content domain uses :class:`ContentType` and :class:`ContentStructure` as they stand here;
``docs/domains/planning.md`` says what each one is for.
"""

from __future__ import annotations

from django.db.models import TextChoices

from igny8_core.common.states import TransitionTable


class KeywordStatus(TextChoices):
    """``mapped`` exactly when the keyword is in a cluster; the database holds the two together."""

    NEW = "new"
    MAPPED = "mapped"


class ClusterStatus(TextChoices):
    """``mapped`` once something is planned or published for the cluster."""

    NEW = "new"
    MAPPED = "mapped"


class IdeaStatus(TextChoices):
    """``queued`` while a writing task stands for the idea, ``completed`` once it is written."""

    NEW = "new"
    QUEUED = "queued"
    COMPLETED = "completed"


class ImportStatus(TextChoices):
    UPLOADED = "uploaded"
    ANALYSED = "analysed"
    IMPORTING = "importing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNDONE = "undone"


DEAD_IMPORTS = [
    ImportStatus.FAILED.value,
    ImportStatus.CANCELLED.value,
    ImportStatus.UNDONE.value,
]
"""The same file with the same options may be imported again."""


KEYWORD = TransitionTable(
    {
        KeywordStatus.NEW: {KeywordStatus.MAPPED},
        KeywordStatus.MAPPED: {KeywordStatus.NEW},
    }
)

CLUSTER = TransitionTable(
    {
        ClusterStatus.NEW: {ClusterStatus.MAPPED},
        ClusterStatus.MAPPED: {ClusterStatus.NEW},
    }
)

IDEA = TransitionTable(
    {
        IdeaStatus.NEW: {IdeaStatus.QUEUED},
        IdeaStatus.QUEUED: {
            IdeaStatus.COMPLETED,
            IdeaStatus.NEW,  # its writing task was taken back
        },
        IdeaStatus.COMPLETED: frozenset(),
    }
)

KEYWORD_IMPORT = TransitionTable(
    {
        ImportStatus.UPLOADED: {
            ImportStatus.ANALYSED,
            ImportStatus.FAILED,
            ImportStatus.CANCELLED,
        },
        ImportStatus.ANALYSED: {ImportStatus.IMPORTING, ImportStatus.CANCELLED},
        ImportStatus.IMPORTING: {
            ImportStatus.COMPLETED,
            ImportStatus.FAILED,
            ImportStatus.CANCELLED,
            ImportStatus.ANALYSED,  # the lease ran out: whoever takes it next goes on
        },
        ImportStatus.COMPLETED: {ImportStatus.UNDONE},
        ImportStatus.FAILED: {ImportStatus.UNDONE},  # what was in before it failed
        ImportStatus.CANCELLED: {ImportStatus.UNDONE},
        ImportStatus.UNDONE: frozenset(),
    }
)


class ViewKind(TextChoices):
    """Which list a saved view is of."""

    KEYWORDS = "keywords"
    CLUSTERS = "clusters"
    IDEAS = "ideas"


class ProposalStatus(TextChoices):
    """A proposal stays open while changes of it are accepted one by one."""

    OPEN = "open"
    APPLIED = "applied"
    DISCARDED = "discarded"


PROPOSAL = TransitionTable(
    {
        ProposalStatus.OPEN: {ProposalStatus.APPLIED, ProposalStatus.DISCARDED},
        ProposalStatus.APPLIED: frozenset(),
        ProposalStatus.DISCARDED: frozenset(),
    }
)


class ChangeKind(TextChoices):
    """What a proposal would make of one cluster."""

    KEPT = "kept"
    MOVED = "moved", "keywords join or leave"
    MERGED = "merged", "takes other clusters in"
    SPLIT = "split", "a part of another cluster"
    NEW = "new"
    VANISHED = "vanished", "left without keywords"


class EditKind(TextChoices):
    """What a person did to clusters."""

    CREATE = "create"
    DELETE = "delete"
    MERGE = "merge"
    SPLIT = "split"
    MOVE = "move"
    RENAME = "rename"
    ROLE = "role"
    FLAGS = "flags", "locked, unlocked, disabled, enabled"
    PIN = "pin", "pinned, unpinned"
    REBUILD = "rebuild"


class OverlapVerdict(TextChoices):
    """What the guard says of an idea beside what there is already."""

    FINE = "fine"
    DIFFERENTIATE = "differentiate", "write it, but from another angle"
    MERGE = "merge", "extend what there is"
    SKIP = "skip", "covered already"


BLOCKING_VERDICTS = frozenset({OverlapVerdict.MERGE.value, OverlapVerdict.SKIP.value})
"""Such an idea is neither queued nor paid for unless a person says why it should be."""


class Intent(TextChoices):
    """What a searcher wants; an empty value means unknown."""

    INFORMATIONAL = "informational"
    NAVIGATIONAL = "navigational"
    COMMERCIAL = "commercial"
    TRANSACTIONAL = "transactional"


class IntentSource(TextChoices):
    """Where an intent comes from, most trusted first."""

    TYPED = "typed"
    IMPORT = "import"
    RULES = "rules"
    VOTE = "vote"
    CPC = "cpc"
    UNKNOWN = "unknown"


class FigureKind(TextChoices):
    """How good a volume or a difficulty is, best first."""

    TYPED = "typed", "typed by a person"
    EXACT = "exact"
    RANGE = "range"
    IMPRESSIONS = "impressions"
    UNKNOWN = "unknown"


class ClusterRole(TextChoices):
    """Part of a page in its topic: a proposal that a person may change."""

    HUB = "hub"
    SUPPORTING = "supporting"
    ATTRIBUTE = "attribute"


class ClusterSource(TextChoices):
    CLUSTERING = "clustering"
    IMPORT = "import"
    PERSON = "person"


class IdeaSource(TextChoices):
    RULES = "rules"
    MODEL = "model"
    PERSON = "person"


class IssueSeverity(TextChoices):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class ContentType(TextChoices):
    """What kind of page a piece of content becomes on the site."""

    POST = "post", "blog post"
    PAGE = "page", "standing page"
    PRODUCT = "product", "product page"
    CATEGORY = "category", "category page"


class ContentStructure(TextChoices):
    """How a piece of content is built."""

    HUB = "hub", "topic hub"
    GUIDE = "guide", "guide"
    HOW_TO = "how_to", "how-to"
    QUESTION = "question", "question and answer"
    DEFINITION = "definition", "explainer"
    LISTICLE = "listicle", "list"
    BEST_OF = "best_of", "best-of list"
    COMPARISON = "comparison", "comparison"
    ALTERNATIVES = "alternatives", "alternatives"
    REVIEW = "review", "review"
    BUYING_GUIDE = "buying_guide", "buying guide"
    PRICING = "pricing", "prices and costs"
    PRODUCT_ROUNDUP = "product_roundup", "product roundup"
    LOCAL = "local", "local service page"
    ARTICLE = "article", "article"


STRUCTURE_WORDS: dict[ContentStructure, int] = {
    ContentStructure.HUB: 2400,
    ContentStructure.GUIDE: 1800,
    ContentStructure.HOW_TO: 1400,
    ContentStructure.QUESTION: 900,
    ContentStructure.DEFINITION: 1000,
    ContentStructure.LISTICLE: 1500,
    ContentStructure.BEST_OF: 1800,
    ContentStructure.COMPARISON: 1500,
    ContentStructure.ALTERNATIVES: 1500,
    ContentStructure.REVIEW: 1300,
    ContentStructure.BUYING_GUIDE: 2000,
    ContentStructure.PRICING: 1100,
    ContentStructure.PRODUCT_ROUNDUP: 1600,
    ContentStructure.LOCAL: 900,
    ContentStructure.ARTICLE: 1200,
}
"""Words that a piece of each structure starts from, before its keywords are counted."""
