"""What can go wrong with a provider, each with its own message and its own answer to "again?"."""

from __future__ import annotations

from typing import ClassVar

from django.db.models import TextChoices

from igny8_core.common.errors import Conflict, DomainError, ProviderRejected, Refused, Transient


class ErrorClass(TextChoices):
    """What a pipeline does with the work: again soon, again when allowed, give up, set aside.

    ``cancelled``: nobody wants it any more.
    """

    TRANSIENT = "transient"
    RATE = "rate"
    PERMANENT = "permanent"
    POISON = "poison"
    CANCELLED = "cancelled"


class ProviderError(DomainError):
    """A call that failed; nothing is charged for it. Raised through its subclasses only.

    :cvar error_class: what the caller should do.
    :cvar is_worth_repeating: another call at once may succeed.
    :cvar tries_next_provider: another provider may answer the same request.
    :cvar is_outcome_unknown: the provider may have done the work, and may bill it.
    :ivar prompt_tokens: what the failed call used all the same, if it is known.
    """

    error_class: ClassVar[ErrorClass]
    is_worth_repeating: ClassVar[bool] = False
    tries_next_provider: ClassVar[bool] = True
    is_outcome_unknown: ClassVar[bool] = False
    prompt_tokens: int = 0
    completion_tokens: int = 0


class ProviderUnavailable(ProviderError, Transient):
    """No connection, or the provider's own fault (5xx, overloaded): it did not do the work."""

    code = "provider_unavailable"
    error_class = ErrorClass.TRANSIENT
    is_worth_repeating = True


class ProviderInterrupted(ProviderUnavailable):
    """The connection broke before the answer was whole."""

    code = "provider_interrupted"
    is_outcome_unknown = True


class ProviderTimeout(ProviderUnavailable):
    """No answer in time."""

    code = "provider_timeout"
    is_worth_repeating = False  # the time of this attempt is used up
    is_outcome_unknown = True


class RateLimited(ProviderError, Transient):
    """The provider's limit or ours; ``retry_after_seconds`` says how long to wait."""

    code = "provider_rate_limited"
    http_status = 429
    error_class = ErrorClass.RATE

    def __init__(self, message: str, *, retry_after_seconds: float, **data: str) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds, **data)
        self.retry_after_seconds = retry_after_seconds


class ProviderPaused(RateLimited):
    """The provider failed again and again with this key: nobody asks it until it has recovered."""

    code = "provider_paused"
    http_status = 503


class _Permanent(ProviderError, ProviderRejected):
    error_class = ErrorClass.PERMANENT


class ProviderKeyRefused(_Permanent):
    """The key is wrong, revoked, or may not use this model."""

    code = "provider_key_refused"


class ProviderQuotaSpent(_Permanent):
    """The provider account has no money or quota left."""

    code = "provider_quota_spent"


class ModelUnknown(_Permanent):
    """No such model at this provider, or the address is not its API."""

    code = "model_unknown"


class RequestRejected(_Permanent):
    """The provider does not accept this request and never will."""

    code = "request_rejected"


class ContextTooLong(RequestRejected):
    """Prompt and answer do not fit into the model's context."""

    code = "context_too_long"


class UnknownPrice(_Permanent):
    """Nobody knows what the model costs; refused before the call."""

    code = "unknown_price"


class NoTextModel(_Permanent):
    """No provider is configured and the built-in model does not run."""

    code = "no_text_model"


class NoImageModel(_Permanent):
    """No provider of pictures is configured."""

    code = "no_image_model"


class AnswerUnusable(ProviderError, ProviderRejected):
    """An answer came and is of no use; the same request would give the same again."""

    code = "answer_unusable"
    error_class = ErrorClass.POISON
    tries_next_provider = False


class AnswerRefused(AnswerUnusable):
    """The model declined, or the provider's content filter stopped it."""

    code = "answer_refused"


class AnswerTooLarge(AnswerUnusable):
    """More than we asked for and more than we read."""

    code = "answer_too_large"


class AnswerCutOff(AnswerUnusable):
    """The answer reached its token limit before it could be used."""

    code = "answer_cut_off"


class AnswerMalformed(AnswerUnusable):
    """Empty, not JSON, or not of the asked form; a model may do better at once."""

    code = "answer_malformed"
    is_worth_repeating = True


class WorkCancelled(Conflict):
    """Nobody wants the work any more: it ended between two calls, or its call was broken off."""

    code = "work_cancelled"


class CapReached(Refused):
    """A limit on what may be spent. Nothing more was called; what was held is free again."""

    code = "cap_reached"


class RunCapReached(CapReached):
    """The run may not spend that many credits."""

    code = "run_cap_reached"


class DayCapReached(CapReached):
    """The account may not spend that many credits today."""

    code = "day_cap_reached"


class MonthCapReached(CapReached):
    """The runs of the site may not spend that many credits this month."""

    code = "month_cap_reached"


class CostCapReached(CapReached):
    """The call could cost more at its provider than the work, or the account's day, may."""

    code = "cost_cap_reached"


def error_class_of(error: Exception) -> ErrorClass:
    """What to do with work that ended in ``error``.

    Anything that is not a :class:`DomainError` is a bug: set aside, never repeated.
    """
    if isinstance(error, ProviderError):
        return error.error_class
    if isinstance(error, WorkCancelled):
        return ErrorClass.CANCELLED
    if isinstance(error, Transient):
        return ErrorClass.TRANSIENT
    if isinstance(error, DomainError):
        return ErrorClass.PERMANENT
    return ErrorClass.POISON
