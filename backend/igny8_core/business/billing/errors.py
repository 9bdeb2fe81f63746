"""What a caller of billing can act on, beside the errors that every domain shares."""

from __future__ import annotations

from igny8_core.common.errors import (
    Conflict,
    InsufficientCredits,
    InvalidInput,
    NotFound,
    Refused,
)


class PriceMissing(NotFound):
    """The operation has no active price: nothing is free by accident."""

    code = "price_missing"


class CreditsBlocked(Refused):
    """Reservations are stopped: a dispute, an overdue invoice, an open debt, or staff."""

    code = "credits_blocked"


class AlreadySettled(Conflict):
    """This work was captured before; ``data['reservation_id']`` says by which reservation.

    The caller drops what it has and returns the stored result.
    """

    code = "already_settled"


class NoCurrentPeriod(Conflict):
    """The account is in no period of a plan: not active, or its subscription is not paid for."""

    code = "no_current_period"


class ResultWithheld(InsufficientCredits):
    """A result came after its reservation had ended, and the account cannot pay for it.

    Nothing was stored. The answers are kept for a while: after a top-up the same request stores
    the result without asking the provider again.
    """

    code = "result_withheld"


class BillingNotSetUp(Conflict):
    """Operators have named no seller, or no tax for this buyer: nothing can be sold yet."""

    code = "billing_not_set_up"


class PaymentUnderWay(Conflict):
    """Another attempt to pay this invoice is open, or its money is already there."""

    code = "payment_under_way"


class AlreadySubscribed(Conflict):
    """The account has a subscription that is paid for: its plan is changed, not ordered again."""

    code = "already_subscribed"


class ProofRefused(InvalidInput):
    """The file is no picture or PDF of a bearable size."""

    code = "proof_refused"


class EInvoiceRefused(Conflict):
    """A document does not hold as an e-invoice; ``data['problems']`` says why.

    It stays issued. Nothing of it is sent or given out until it holds.
    """

    code = "einvoice_refused"
