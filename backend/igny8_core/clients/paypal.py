"""PayPal through its own library: orders, captures, refunds; disputes and events beside it.

An order that the customer approved is no money yet: it has to be captured, which is ours to do
and happens once per key.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from paypalserversdk.configuration import Configuration, Environment
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

from igny8_core.clients.payments import (
    DisputeOutcome,
    RemoteCheckout,
    RemoteDispute,
    RemoteRefund,
    RemoteStatus,
)
from igny8_core.clients.paypal_events import LISTENED, event_of
from igny8_core.clients.paypal_raw import RawCalls
from igny8_core.clients.paypal_subscriptions import SUBSCRIPTION, PayPalSubscriptions
from igny8_core.clients.paypal_webhooks import Signatures
from igny8_core.clients.paypal_wire import minor, money, page_of, translated
from igny8_core.common.errors import ProviderRejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from igny8_core.clients.payments import CheckoutRequest, ProviderEvent

TIMEOUT_SECONDS: Final = 20
EVENTS_MAX: Final = 5_000
PAGES_MAX: Final = 100
NOT_FOUND: Final = 404
REFERENCE_MAX, DESCRIPTION_MAX = 127, 127
REPRESENTATION: Final = "return=representation"
ASK_AGAIN: Final = frozenset(
    {"ORDER_NOT_APPROVED", "INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED", "PAYER_CANNOT_PAY"}
)
"""Nothing was taken, and the customer may choose another way on the same page."""
_TAKEN: Final = frozenset({"COMPLETED", "REFUNDED", "PARTIALLY_REFUNDED", "REVERSED"})
_NOT_TAKEN: Final = frozenset({"DECLINED", "FAILED"})
_REFUNDS: Final = {
    "COMPLETED": RemoteStatus.PAID,
    "FAILED": RemoteStatus.FAILED,
    "CANCELLED": RemoteStatus.FAILED,
}
_OUTCOMES: Final = {
    "RESOLVED_BUYER_FAVOUR": DisputeOutcome.LOST,
    "ACCEPTED": DisputeOutcome.LOST,
    "RESOLVED_SELLER_FAVOUR": DisputeOutcome.WON,
    "CANCELED_BY_BUYER": DisputeOutcome.WON,
    "RESOLVED_WITH_PAYOUT": DisputeOutcome.WON,
    "DENIED": DisputeOutcome.WON,
}


class _Addressed(Configuration):  # type: ignore[misc]  # the library has no types
    """The library's settings, with another server than PayPal's own; tests only."""

    address = ""

    def get_base_uri(self, *args: Any, **kwargs: Any) -> str:
        return self.address or str(super().get_base_uri(*args, **kwargs))


class PayPalPayments(PayPalSubscriptions):
    """One account at PayPal.

    :param client_id: with ``secret_key`` the keys of one application.
    :param webhook_secrets: ids of our webhooks there, newest first; two while one is changed.
    :param is_live: money is real; else PayPal's sandbox.
    :param address: another server than PayPal's own, and ``trust`` whose certificates it has;
        tests only.
    """

    def __init__(
        self,
        *,
        client_id: str,
        secret_key: str,
        webhook_secrets: Sequence[str] = (),
        is_live: bool = False,
        address: str = "",
        trust: bytes = b"",
    ) -> None:
        environment = Environment.PRODUCTION if is_live else Environment.SANDBOX
        config = _Addressed(
            timeout=TIMEOUT_SECONDS,
            max_retries=0,  # ours: with the same key
            environment=environment,
            client_credentials_auth_credentials=ClientCredentialsAuthCredentials(
                o_auth_client_id=client_id, o_auth_client_secret=secret_key
            ),
        )
        config.address = address
        self.client = PaypalServersdkClient(config=config)
        self.raw = RawCalls(self.client.global_configuration)
        self.signatures = Signatures(
            webhook_ids=tuple(webhook_secrets), is_live=is_live, address=address, trust=trust
        )

    def create_checkout(self, request: CheckoutRequest) -> RemoteCheckout:
        """An order. The same key is the same order, for six hours at least.

        :raises ProviderRejected: also for amounts that PayPal does not take in this currency.
        """
        purchase = {
            "amount": money(request.amount_minor, request.currency),
            "custom_id": request.reference[:REFERENCE_MAX],
            "invoice_id": f"P{request.reference}"[:REFERENCE_MAX],
            "description": request.description[:DESCRIPTION_MAX],
        }
        experience = {
            "return_url": request.success_url,
            "cancel_url": request.cancel_url,
            "user_action": "PAY_NOW",
            "shipping_preference": "NO_SHIPPING",
        }
        asked = {
            "intent": "CAPTURE",
            "purchase_units": [purchase],
            "payment_source": {"paypal": {"experience_context": experience}},
        }
        options = {"body": asked, "paypal_request_id": request.key, "prefer": REPRESENTATION}
        with translated():
            return _checkout(self.client.orders.create_order(options).body)

    def get_checkout(self, ref: str) -> RemoteCheckout:
        """The order as it is now, of a payment or of a subscription.

        PayPal forgets those that nobody approved: they have failed.
        """
        try:
            if ref.startswith(SUBSCRIPTION):
                return self.ordered(ref)
            with translated():
                return _checkout(self.client.orders.get_order({"id": ref}).body)
        except ProviderRejected as exc:
            if exc.data.get("status") != NOT_FOUND:
                raise
            return RemoteCheckout(ref, RemoteStatus.FAILED, 0, "", failure="The order expired.")

    def capture_checkout(self, ref: str, *, key: str) -> RemoteCheckout:
        """Take the money of an order that was approved, once per key; how it is then."""
        options = {"id": ref, "paypal_request_id": key, "prefer": REPRESENTATION}
        try:
            with translated():
                return _checkout(self.client.orders.capture_order(options).body)
        except ProviderRejected as exc:
            if exc.data.get("issue") not in {"ORDER_ALREADY_CAPTURED", *ASK_AGAIN}:
                raise
        return self.get_checkout(ref)

    def refund(
        self, *, payment_ref: str, amount_minor: int, currency: str, key: str
    ) -> RemoteRefund:
        """Send a part of a capture back, once per key."""
        body = {"amount": money(amount_minor, currency), "custom_id": key[:REFERENCE_MAX]}
        options = {"capture_id": payment_ref, "paypal_request_id": key, "body": body}
        with translated():
            made = self.client.payments.refund_captured_payment(
                options | {"prefer": REPRESENTATION}
            )
        return _refund(made.body)

    def refunds_of(self, payment_ref: str) -> list[RemoteRefund]:
        """What went back of a capture, whoever did it; the oldest first."""
        with translated():
            capture = self.client.payments.get_captured_payment({"capture_id": payment_ref}).body
            related = getattr(getattr(capture, "supplementary_data", None), "related_ids", None)
            if not (order_ref := getattr(related, "order_id", "")):
                return []
            order = self.client.orders.get_order({"id": order_ref}).body
            payments = getattr(order.purchase_units[0], "payments", None)
            return [_refund(row) for row in getattr(payments, "refunds", None) or []]

    def disputes_of(self, payment_ref: str) -> list[str]:
        """The names of the disputes about a capture."""
        with translated():
            asked = {"disputed_transaction_id": payment_ref}
            found = self.raw.get("/v1/customer/disputes", asked)
            return [row["dispute_id"] for row in found.get("items") or []]

    def get_dispute(self, ref: str) -> RemoteDispute:
        """The dispute as it is now; its money movements say where the money is."""
        with translated():
            row = self.raw.get(f"/v1/customer/disputes/{ref}")
        currency = row["dispute_amount"]["currency_code"]
        outcome = _outcome(row)
        return RemoteDispute(
            ref=row["dispute_id"],
            payment_ref=_disputed(row),
            amount_minor=_minor(row["dispute_amount"]),
            currency=currency,
            outcome=outcome,
            withdrawn_minor=_withdrawn(row, outcome),
            reason=row.get("reason", "").lower()[:100],
        )

    def verify_webhook(self, *, body: bytes, headers: Mapping[str, str]) -> ProviderEvent:
        """The event of a webhook, if PayPal signed it for one of our webhooks."""
        return event_of(self.signatures.verified(body=body, headers=headers))

    def events_since(self, moment: datetime) -> Iterator[ProviderEvent]:
        """Events that we listen to, at most ``EVENTS_MAX``."""
        asked = {
            "start_time": f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "end_time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "page_size": "100",
        }
        count = 0
        for page in self._pages("/v1/notifications/webhooks-events", asked):
            for found in page.get("events", []):
                if found.get("event_type") in LISTENED and count < EVENTS_MAX:
                    count += 1
                    yield event_of(found)

    def _pages(self, path: str, asked: dict[str, str]) -> Iterator[dict[str, Any]]:
        for _ in range(PAGES_MAX):
            with translated():
                page = self.raw.get(path, asked)
            yield page
            following = self.raw.following(page, path)
            if following is None:
                return
            asked = following


def _checkout(order: Any) -> RemoteCheckout:
    unit = order.purchase_units[0]
    capture = _capture(unit)
    status, failure = _status(order.status, capture)
    paid = capture.amount if capture is not None else unit.amount
    return RemoteCheckout(
        ref=order.id,
        status=status,
        amount_minor=minor(paid.value, paid.currency_code),
        currency=paid.currency_code,
        reference=getattr(unit, "custom_id", ""),
        url=page_of(order) if status is RemoteStatus.OPEN else "",
        payment_ref=capture.id if capture is not None else "",
        failure=failure,
        version=getattr(order, "update_time", ""),
    )


def _capture(unit: Any) -> Any:
    """The capture that counts: one whose money came, else the last one."""
    payments = getattr(unit, "payments", None)
    found = getattr(payments, "captures", None) or []
    taken = [capture for capture in found if capture.status in _TAKEN]
    return (taken or found or [None])[-1]


def _status(order_status: str, capture: Any) -> tuple[RemoteStatus, str]:
    if capture is not None:
        if capture.status in _TAKEN:
            return RemoteStatus.PAID, ""
        if capture.status in _NOT_TAKEN:
            return RemoteStatus.FAILED, "PayPal could not take the money."
        return RemoteStatus.PROCESSING, ""
    if order_status == "APPROVED":
        return RemoteStatus.APPROVED, ""
    if order_status == "VOIDED":
        return RemoteStatus.FAILED, "The order expired."
    return RemoteStatus.OPEN, ""


def _refund(row: Any) -> RemoteRefund:
    status = _REFUNDS.get(row.status, RemoteStatus.PROCESSING)
    reason = getattr(getattr(row, "status_details", None), "reason", "")
    return RemoteRefund(
        row.id,
        status,
        minor(row.amount.value, row.amount.currency_code),
        failure=f"PayPal says: {reason}." if status is RemoteStatus.FAILED and reason else "",
        key=getattr(row, "custom_id", ""),
        reason=getattr(row, "note_to_payer", ""),
    )


def _outcome(row: Mapping[str, Any]) -> DisputeOutcome:
    if row.get("status") != "RESOLVED":
        return DisputeOutcome.OPEN
    code = (row.get("dispute_outcome") or {}).get("outcome_code", "")
    return _OUTCOMES.get(code, DisputeOutcome.WON)


def _disputed(row: Mapping[str, Any]) -> str:
    transactions = row.get("disputed_transactions") or [{}]
    return str(transactions[0].get("seller_transaction_id", ""))


def _withdrawn(row: Mapping[str, Any], outcome: DisputeOutcome) -> int:
    """What the seller has lost by it so far; without movements, what was decided."""
    moves = [m for m in row.get("money_movements") or [] if m.get("affected_party") == "SELLER"]
    if moves:
        signs = {"DEBIT": 1, "CREDIT": -1}
        return sum(signs.get(move.get("type", ""), 0) * _minor(move["amount"]) for move in moves)
    if outcome is not DisputeOutcome.LOST:
        return 0
    decided = (row.get("dispute_outcome") or {}).get("amount_refunded")
    return _minor(decided or row["dispute_amount"])


def _minor(amount: Mapping[str, str]) -> int:
    return minor(amount["value"], amount["currency_code"])
