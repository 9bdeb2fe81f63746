"""PayPal's subscriptions: ordered on its page, followed, changed for the next period, ended.

Each order has a plan of its own at PayPal, so that its price can be changed without asking the
customer again. One that is to end with its period is suspended, which PayPal can undo.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from igny8_core.clients.payments import (
    RemoteCheckout,
    RemoteInvoice,
    RemoteStatus,
    RemoteSubscription,
    SubscriptionState,
)
from igny8_core.clients.paypal_wire import minor, money, page_of, translated
from igny8_core.common.errors import ProviderRejected

if TYPE_CHECKING:
    from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

    from igny8_core.clients.payments import SubscriptionRequest, SubscriptionTerms
    from igny8_core.clients.paypal_raw import RawCalls

SUBSCRIPTION: Final = "I-"
"""How PayPal's names of subscriptions begin."""
PRODUCT: Final = "IGNY8-PLANS"
NOTE_OF_END: Final = "Ends with its period"
NAME_MAX: Final = 127
FAILURES_MAX: Final = 3
EARLY: Final = timedelta(days=2)  # PayPal may take a period's money a little before it begins
GRID_MAX: Final = 1_200
MONTHS: Final = {"month": 1, "year": 12}
UNITS: Final = {"month": "MONTH", "year": "YEAR"}
_ORDERED: Final = frozenset({"ACTIVE", "SUSPENDED"})
_WAITING: Final = frozenset({"APPROVAL_PENDING", "APPROVED"})
_PAID: Final = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})
_FAILED: Final = frozenset({"DECLINED"})


class PayPalSubscriptions:
    """Payments that repeat, at one account of PayPal."""

    client: PaypalServersdkClient
    raw: RawCalls
    changes_interval = False

    def create_subscription(self, request: SubscriptionRequest) -> RemoteCheckout:
        """A page of PayPal's on which to order. The same key is the same page, for 72 hours."""
        self._product(f"{request.key}:product")
        plan = self._plan(request)
        asked = {
            "plan_id": plan,
            "custom_id": request.reference,
            "application_context": {
                "return_url": request.success_url,
                "cancel_url": request.cancel_url,
                "user_action": "SUBSCRIBE_NOW",
                "shipping_preference": "NO_SHIPPING",
            },
        }
        options = {"body": asked, "paypal_request_id": request.key}
        with translated():
            row = self.client.subscriptions.create_subscription(options).body
            return RemoteCheckout(
                ref=row.id,
                status=RemoteStatus.OPEN,
                amount_minor=0,
                currency=request.currency,
                reference=request.reference,
                url=page_of(row),
            )

    def ordered(self, ref: str) -> RemoteCheckout:
        """The page of an order, and the subscription once somebody ordered."""
        row = self._read(ref)
        status, failure = RemoteStatus.FAILED, "The order was given up."
        if row.status in _ORDERED or _paid_at(row) is not None:
            status, failure = RemoteStatus.PAID, ""
        elif row.status in _WAITING:
            status, failure = RemoteStatus.OPEN, ""
        return RemoteCheckout(
            ref=ref,
            status=status,
            amount_minor=0,
            currency="",
            reference=getattr(row, "custom_id", ""),
            url=page_of(row) if status is RemoteStatus.OPEN else "",
            failure=failure,
            subscription_ref=ref if status is RemoteStatus.PAID else "",
        )

    def get_subscription(self, ref: str) -> RemoteSubscription:
        """The subscription as it is now."""
        row, now = self._read(ref), datetime.now(UTC)
        with translated():
            cycle, trial_days = _cycles(row.plan.billing_cycles)
            price, interval = cycle.pricing_scheme.fixed_price, _interval(cycle)
            begin = _moment(row.start_time)
            billed_from = begin + timedelta(days=trial_days)
            is_trial = now < billed_from
            starts_at, ends_at = _period(billed_from, interval, now)
            if is_trial:
                starts_at, ends_at = begin, billed_from
            is_last = _is_ending(row)
            return RemoteSubscription(
                ref=row.id,
                state=_state(row, ends_at=_paid_until(row, billed_from, interval), now=now)
                if not is_trial or row.status not in _ORDERED
                else SubscriptionState.TRIALING,
                amount_minor=minor(price.value, price.currency_code),
                currency=price.currency_code,
                starts_at=starts_at,
                ends_at=ends_at,
                cancel_at_period_end=is_last,
                customer_ref=getattr(getattr(row, "subscriber", None), "payer_id", ""),
                reference=getattr(row, "custom_id", ""),
                trial_ends_at=billed_from if trial_days else None,
            )

    def subscription_invoices(self, ref: str) -> list[RemoteInvoice]:
        """The payments of its periods, the oldest first. A period that failed has no page."""
        row = self._read(ref)
        with translated():
            cycle, trial_days = _cycles(row.plan.billing_cycles)
            interval, begin = _interval(cycle), _moment(row.start_time)
            options = {
                "id": ref,
                "start_time": f"{begin:%Y-%m-%dT%H:%M:%S.000Z}",
                "end_time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.999Z}",
            }
            found = self.client.subscriptions.list_subscription_transactions(options).body
            rows = getattr(found, "transactions", None) or []
            billed_from = begin + timedelta(days=trial_days)
            made = [_invoice(each, billed_from, interval) for each in rows]
        return sorted((each for each in made if each is not None), key=lambda each: each.starts_at)

    def change_subscription(self, ref: str, terms: SubscriptionTerms, *, key: str) -> None:
        """From the next period on; nothing is charged or given back for the present one.

        :raises ProviderRejected: also for another interval, which PayPal does not know.
        """
        del key  # what is asked for is a state, not a step
        row = self._read(ref)
        with translated():
            cycle, _ = _cycles(row.plan.billing_cycles)
            price = cycle.pricing_scheme.fixed_price
        if _interval(cycle) != terms.interval:
            raise ProviderRejected("PayPal cannot change how often it takes money.")
        wanted = money(terms.amount_minor, terms.currency)
        if (price.value, price.currency_code) != (wanted["value"], wanted["currency_code"]):
            scheme = {
                "billing_cycle_sequence": cycle.sequence,
                "pricing_scheme": {"fixed_price": wanted},
            }
            body = {"pricing_schemes": [scheme]}
            with translated():
                self.client.subscriptions.update_billing_plan_pricing_schemes(
                    {"id": row.plan_id, "body": body}
                )
        note = {"id": ref, "body": {"reason": NOTE_OF_END}}
        if terms.cancel_at_period_end and row.status == "ACTIVE":
            with translated():
                self.client.subscriptions.suspend_subscription(note)
        elif not terms.cancel_at_period_end and _is_ending(row):
            with translated():
                self.client.subscriptions.activate_subscription(note)

    def end_subscription(self, ref: str) -> None:
        """At once, and nothing is given back; one that has ended stays so."""
        try:
            with translated():
                self.client.subscriptions.cancel_subscription(
                    {"id": ref, "body": {"reason": "Ended"}}
                )
        except ProviderRejected:
            if self._read(ref).status not in {"CANCELLED", "EXPIRED"}:
                raise

    def _product(self, key: str) -> None:
        """What all plans are of; made once and for all."""
        body = {"id": PRODUCT, "name": "Plans", "type": "SERVICE"}
        try:
            with translated():
                self.raw.post("/v1/catalogs/products", body, key=key)
        except ProviderRejected as exc:
            if exc.data.get("issue") != "DUPLICATE_RESOURCE_IDENTIFIER":
                raise

    def _plan(self, request: SubscriptionRequest) -> str:
        frequency = {"interval_unit": UNITS[request.interval], "interval_count": 1}
        price = {"fixed_price": money(request.amount_minor, request.currency)}
        regular: dict[str, Any] = {
            "tenure_type": "REGULAR",
            "frequency": frequency,
            "pricing_scheme": price,
        }
        cycles = [regular | {"sequence": 1, "total_cycles": 0}]
        if request.trial_days:
            days = {"interval_unit": "DAY", "interval_count": request.trial_days}
            trial: dict[str, Any] = {
                "tenure_type": "TRIAL",
                "frequency": days,
                "sequence": 1,
                "total_cycles": 1,
            }
            cycles = [trial, regular | {"sequence": 2, "total_cycles": 0}]
        body = {
            "product_id": PRODUCT,
            "name": request.description[:NAME_MAX],
            "billing_cycles": cycles,
            "payment_preferences": {
                "auto_bill_outstanding": True,
                "payment_failure_threshold": FAILURES_MAX,
            },
        }
        options = {"body": body, "paypal_request_id": f"{request.key}:plan"}
        with translated():
            return str(self.client.subscriptions.create_billing_plan(options).body.id)

    def _read(self, ref: str) -> Any:
        with translated():
            options = {"id": ref, "fields": "last_failed_payment,plan"}
            return self.client.subscriptions.get_subscription(options).body


def _cycles(rows: Any) -> tuple[Any, int]:
    """(the cycle that goes on, days of trial before it)."""
    regular = next(row for row in rows if row.tenure_type == "REGULAR")
    trials = [row for row in rows if row.tenure_type == "TRIAL"]
    return regular, sum(int(row.frequency.interval_count) for row in trials)


def _interval(cycle: Any) -> str:
    return next(name for name, unit in UNITS.items() if unit == cycle.frequency.interval_unit)


def _state(row: Any, *, ends_at: datetime | None, now: datetime) -> SubscriptionState:
    if row.status in _WAITING:
        return SubscriptionState.INCOMPLETE
    if row.status not in _ORDERED:
        return SubscriptionState.ENDED
    if _is_ending(row):
        is_over = ends_at is None or ends_at <= now
        return SubscriptionState.ENDED if is_over else SubscriptionState.ACTIVE
    owed = getattr(getattr(row, "billing_info", None), "outstanding_balance", None)
    is_owed = owed is not None and minor(owed.value, owed.currency_code) > 0
    if row.status == "SUSPENDED" or is_owed:
        return SubscriptionState.PAST_DUE
    return SubscriptionState.ACTIVE


def _is_ending(row: Any) -> bool:
    """Whether we suspended it, so that it ends with its period."""
    return row.status == "SUSPENDED" and getattr(row, "status_change_note", "") == NOTE_OF_END


def _paid_at(row: Any) -> datetime | None:
    last = getattr(getattr(row, "billing_info", None), "last_payment", None)
    return _moment(last.time) if last is not None and getattr(last, "time", None) else None


def _paid_until(row: Any, billed_from: datetime, interval: str) -> datetime | None:
    """The end of the last period that was paid, else of the trial."""
    paid = _paid_at(row)
    return billed_from if paid is None else _period(billed_from, interval, paid + EARLY)[1]


def _invoice(row: Any, billed_from: datetime, interval: str) -> RemoteInvoice | None:
    if row.status in _PAID:
        status, failure = RemoteStatus.PAID, ""
    elif row.status in _FAILED:
        status, failure = RemoteStatus.FAILED, "PayPal could not take the money."
    else:
        status, failure = RemoteStatus.OPEN, ""
    gross = row.amount_with_breakdown.gross_amount
    starts_at, ends_at = _period(billed_from, interval, _moment(row.time) + EARLY)
    return RemoteInvoice(
        ref=row.id,
        status=status,
        amount_minor=minor(gross.value, gross.currency_code),
        currency=gross.currency_code,
        starts_at=starts_at,
        ends_at=ends_at,
        payment_ref=row.id if status is RemoteStatus.PAID else "",
        failure=failure,
    )


def _period(billed_from: datetime, interval: str, at: datetime) -> tuple[datetime, datetime]:
    """The period of a moment; the first one for moments before it."""
    step = MONTHS[interval]
    for number in range(GRID_MAX):
        ends_at = _later(billed_from, (number + 1) * step)
        if at < ends_at:
            return _later(billed_from, number * step), ends_at
    raise ValueError("a period too far away")


def _later(moment: datetime, months: int) -> datetime:
    """The same day some months later, or the last one of a shorter month."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
