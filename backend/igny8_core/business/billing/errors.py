"""What a caller of billing can act on, beside the errors that every domain shares."""

from __future__ import annotations

from igny8_core.common.errors import Conflict, NotFound, Refused


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
