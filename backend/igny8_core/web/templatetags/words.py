"""Words for what the rows call by a key: work, what it was for, why a balance moved, languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django import template

from igny8_core.ai.states import ProviderKind
from igny8_core.business.billing.states import LotKind, OperationType, TransactionType
from igny8_core.web.forms.identity import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

register = template.Library()

OPERATIONS: Final[Mapping[str, str]] = {
    OperationType.CLUSTERING: "Clustering",
    OperationType.IDEA: "Ideas",
    OperationType.CONTENT: "Articles",
    OperationType.IMAGE_PROMPT: "Image plans",
    OperationType.IMAGE: "Images",
    OperationType.REPARSE: "Reading texts again",
    OperationType.OPTIMIZATION: "Optimisation",
    OperationType.LEGACY_IDEAS: "Ideas",
    OperationType.LEGACY_IMAGES: "Images",
    OperationType.LEGACY_IDEA_GENERATION: "Ideas",
    OperationType.LEGACY_CONTENT_GENERATION: "Articles",
    OperationType.LEGACY_IMAGE_GENERATION: "Images",
}
MOVEMENTS: Final[Mapping[str, str]] = {
    TransactionType.PURCHASE: "Purchase",
    TransactionType.SUBSCRIPTION: "Plan",
    TransactionType.REFUND: "Refund",
    TransactionType.DEDUCTION: "Used",
    TransactionType.ADJUSTMENT: "Adjustment",
    TransactionType.OPENING: "Opening balance",
    TransactionType.PROMO: "Gift",
    TransactionType.EXPIRY: "Expired",
    TransactionType.CHARGEBACK: "Charged back",
    TransactionType.REINSTATEMENT: "Brought back",
}
LOTS: Final[Mapping[str, str]] = {
    LotKind.PLAN: "Plan",
    LotKind.PURCHASE: "Purchase",
    LotKind.PROMO: "Gift",
    LotKind.ADJUSTMENT: "Adjustment",
}
SUBJECTS: Final[Mapping[str, str]] = {
    "content": "article",
    "image": "image",
    "optimization_task": "optimisation",
    "sector": "sector",
    "site": "site",
    "writing_task": "writing task",
}
WORK: Final[Mapping[str, str]] = {
    "planning.cluster": "Clustering",
    "planning.rebuild": "Proposal for a new clustering",
    "planning.ideas": "Ideas",
    "content.plan": "Writing tasks",
    "content.generate": "Article",
    "content.plan_images": "Plan of images",
    "content.submit": "Hand-over to review",
    "content.optimize": "Optimisation",
    "image.generate": "Image",
    "site.publish": "Deployment",
    "site.announce": "Announcement to search engines",
    "site.preview": "Preview",
    "site.rollback": "Way back to an earlier version",
}


def _known(words: Mapping[str, str], key: str) -> str:
    return words.get(key) or key.replace("_", " ").replace(".", ": ")


@register.filter
def operation(key: str) -> str:
    """Paid work, as a heading: ``Articles``."""
    return _known(OPERATIONS, key)


@register.filter
def movement(key: str) -> str:
    """Why a balance changed."""
    return _known(MOVEMENTS, key)


@register.filter
def lot(key: str) -> str:
    """Where credits came from."""
    return _known(LOTS, key)


@register.filter
def subject(key: str) -> str:
    """What work was for, within a sentence: ``writing task``."""
    return _known(SUBJECTS, key)


@register.filter
def work(key: str) -> str:
    """A kind of work in the background."""
    return _known(WORK, key)


@register.filter
def vendor(key: str) -> str:
    """An AI provider's name."""
    return dict(ProviderKind.choices).get(key) or str(_known({}, key))


@register.filter
def language(code: str) -> str:
    """A language's name; its code where it has none here."""
    return dict(LANGUAGES).get(code, code)
