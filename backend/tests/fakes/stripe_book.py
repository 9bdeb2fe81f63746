"""Subscriptions, cards and their clock, in the double of Stripe."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from igny8_core.business.billing.services.plan_periods import months_after

MONTHS = {"month": 1, "year": 12}


class Refused(Exception):
    """What Stripe would answer instead."""

    def __init__(self, status: int, kind: str, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, "code": code}}


@dataclass
class Book:
    """What repeats.

    :ivar at: the clock of subscriptions, in seconds; the real one until a test sets it.
    :ivar says: of each customer, what the bank says to a charge: ``ok``, ``declined``, ``action``.
    """

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    at: int = 0
    says: dict[str, str] = field(default_factory=dict)

    lock: threading.RLock = field(default_factory=threading.RLock)

    if TYPE_CHECKING:

        def _id(self, kind: str) -> str: ...
        def happened(self, kind: str, about: dict[str, Any]) -> dict[str, Any]: ...

    # --- what a customer, a bank and the clock do

    def sign_up(self, session: dict[str, Any]) -> None:
        """Somebody fills in the page of a subscription, or of a card that is only saved."""
        customer = session["customer"] or self._id("cus")
        self.objects.setdefault(customer, {"id": customer, "object": "customer"})
        card = self.save_card(customer)
        session |= {"customer": customer, "status": "complete", "url": None}
        if session["mode"] == "setup":
            session |= {"setup_intent": card, "payment_status": "no_payment_required"}
        else:
            row = self._subscribe(session, customer)
            has_trial = row["status"] == "trialing"
            paid = "no_payment_required" if has_trial else "paid"
            session |= {"subscription": row["id"], "payment_status": paid}
            self.happened("customer.subscription.created", row)
            if not has_trial:
                self._bill(row)
        self.happened("checkout.session.completed", session)

    def save_card(self, customer: str, *, brand: str = "visa", last4: str = "4242") -> str:
        """A card of a customer."""
        ref = self._id("pm")
        card = {"brand": brand, "last4": last4, "exp_month": 4, "exp_year": 2030}
        self.objects[ref] = {"id": ref, "object": "payment_method", "type": "card"}
        self.objects[ref] |= {"card": card, "customer": customer}
        return ref

    def renew(self, ref: str) -> None:
        """The clock reaches the end of the period: the next one begins, or it is over."""
        with self.lock:
            row = self.objects[ref]
            item = row["items"]["data"][0]
            self.at = item["current_period_end"]
            if row["cancel_at_period_end"]:
                self.over(ref)
                return
            interval = item["price"]["recurring"]["interval"]
            item["current_period_start"] = self.at
            item["current_period_end"] = self._later(self.at, interval)
            self._bill(row)
            self.happened("customer.subscription.updated", row)

    def bill(self, ref: str) -> None:
        """Somebody charges the present period once more, in Stripe's own pages."""
        with self.lock:
            self._bill(self.objects[ref])

    def retry(self, ref: str) -> None:
        """What is open is charged once more: by the clock, or on the page by the customer."""
        with self.lock:
            row = self.objects[ref]
            for invoice in self._invoices(ref):
                if invoice["status"] == "open":
                    self._charge(row, invoice)
            self.happened("customer.subscription.updated", row)

    def over(self, ref: str) -> None:
        """It ends; what is open stays unpaid."""
        with self.lock:
            row = self.objects[ref]
            row["status"] = "canceled"
            for invoice in self._invoices(ref):
                if invoice["status"] == "open":
                    invoice["status"] = "void"
            self.happened("customer.subscription.deleted", row)

    # --- what we ask

    def change(self, path: str, data: dict[str, Any]) -> dict[str, Any]:
        """A POST or DELETE on something that there is."""
        kind, ref = path.split("/")[2:4]
        row = self.objects.get(ref)
        if row is None:
            raise Refused(404, "invalid_request_error", "No such object", "resource_missing")
        if kind == "payment_intents" and path.endswith("/confirm"):
            self._confirm(row, data)
        elif kind == "payment_intents" and path.endswith("/cancel"):
            self._cancel_intent(row)
        elif path.endswith("/cancel"):
            if row["status"] == "canceled":
                raise Refused(404, "invalid_request_error", "No such subscription")
            self.over(ref)
        elif path.endswith("/detach"):
            if row["customer"] is None:
                text = "The payment method is not attached."
                raise Refused(400, "invalid_request_error", text, "payment_method_unexpected_state")
            row["customer"] = None
        elif kind == "subscriptions":
            self._change_subscription(row, data)
        elif kind == "customers":
            row |= data
        else:
            raise Refused(404, "invalid_request_error", f"no such path: {path}")
        return row

    def listed(self, path: str, asked: dict[str, Any]) -> list[dict[str, Any]] | None:
        """Rows of a list, the newest first; None for an address of one object."""
        kinds = {"/v1/invoices": "invoice", "/v1/refunds": "refund", "/v1/disputes": "dispute"}
        if path.endswith("/payment_methods"):
            owner = path.split("/")[-2]
            found = self._of_kind("payment_method")
            return [row for row in found if row["customer"] == owner][::-1]
        if path not in kinds:
            return None
        if path == "/v1/invoices":
            return self._invoices(asked["subscription"])[::-1]
        rows = self._of_kind(kinds[path])
        return [row for row in rows if row["payment_intent"] == asked["payment_intent"]][::-1]

    # --- how it is done

    def _subscribe(self, session: dict[str, Any], customer: str) -> dict[str, Any]:
        asked, ref = session["asked"], self._id("sub")
        line, extra = asked["line_items"]["0"], asked.get("subscription_data", {})
        starts = self.at or int(time.time())
        interval = line["price_data"]["recurring"]["interval"]
        days = int(extra.get("trial_period_days", 0))
        ends = starts + days * 86_400 if days else self._later(starts, interval)
        item = {
            "id": self._id("si"),
            "object": "subscription_item",
            "quantity": int(line["quantity"]),
            "current_period_start": starts,
            "current_period_end": ends,
            "price": self._price(line["price_data"] | {"product": self._id("prod")}),
        }
        self.objects[ref] = {
            "id": ref,
            "object": "subscription",
            "status": "trialing" if days else "active",
            "customer": customer,
            "metadata": extra.get("metadata", {}),
            "cancel_at_period_end": False,
            "trial_end": ends if days else None,
            "items": {"object": "list", "data": [item]},
        }
        return self.objects[ref]

    def intend(self, data: dict[str, Any]) -> dict[str, Any]:
        """A payment intent that nobody has confirmed."""
        card = self.objects.get(data["payment_method"])
        if card is None or card["customer"] != data["customer"]:
            raise Refused(400, "invalid_request_error", "No such PaymentMethod", "resource_missing")
        return {
            "id": self._id("pi"),
            "object": "payment_intent",
            "amount": int(data["amount"]),
            "amount_refunded": 0,
            "currency": data["currency"],
            "customer": data["customer"],
            "payment_method": data["payment_method"],
            "status": "requires_confirmation",
            "last_payment_error": None,
            "metadata": data.get("metadata", {}),
        }

    def _confirm(self, intent: dict[str, Any], data: dict[str, Any]) -> None:
        if intent["status"] in {"succeeded", "canceled"}:
            text = "This PaymentIntent cannot be confirmed any more."
            raise Refused(400, "invalid_request_error", text, "payment_intent_unexpected_state")
        says = self.says.get(intent["customer"], "ok")
        if says == "ok":
            intent |= {"status": "succeeded", "last_payment_error": None}
            return
        if data.get("error_on_requires_action") != "true":
            raise Refused(400, "invalid_request_error", "this double shows no pages of banks")
        code, text = {
            "declined": ("card_declined", "Your card was declined."),
            "action": ("authentication_required", "This payment requires authentication."),
        }[says]
        error = {"code": code, "message": text, "type": "card_error"}
        intent |= {"status": "requires_payment_method", "last_payment_error": error}
        raise Refused(402, "card_error", text, code)

    def _cancel_intent(self, intent: dict[str, Any]) -> None:
        if intent["status"] in {"succeeded", "canceled"}:
            text = "You cannot cancel this PaymentIntent."
            raise Refused(400, "invalid_request_error", text, "payment_intent_unexpected_state")
        intent["status"] = "canceled"

    def _change_subscription(self, row: dict[str, Any], data: dict[str, Any]) -> None:
        if row["status"] == "canceled":
            raise Refused(404, "invalid_request_error", "A canceled subscription stays as it is")
        if "cancel_at_period_end" in data:
            row["cancel_at_period_end"] = data["cancel_at_period_end"] == "true"
        if "items" in data:
            if data.get("proration_behavior") != "none":
                raise Refused(400, "invalid_request_error", "this double prorates nothing")
            item = row["items"]["data"][0]
            before = item["price"]["recurring"]["interval"]
            item["price"] = self._price(data["items"]["0"]["price_data"])
            now_is = item["price"]["recurring"]["interval"]
            if now_is != before and "trial_end" not in data:  # a period begins at once
                item["current_period_start"] = self.at
                item["current_period_end"] = self._later(self.at, now_is)
                self._bill(row)
        if "trial_end" in data:
            row |= {"status": "trialing", "trial_end": int(data["trial_end"])}
            row["items"]["data"][0]["current_period_end"] = int(data["trial_end"])
        if "default_payment_method" in data:
            row["default_payment_method"] = data["default_payment_method"]
        self.happened("customer.subscription.updated", row)

    def _bill(self, row: dict[str, Any]) -> None:
        item = row["items"]["data"][0]
        price = item["price"]
        ref, total = self._id("in"), price["unit_amount"] * item["quantity"]
        details = {"subscription": row["id"], "metadata": row["metadata"]}
        invoice = {
            "id": ref,
            "object": "invoice",
            "status": "open",
            "total": total,
            "currency": price["currency"],
            "attempt_count": 0,
            "hosted_invoice_url": f"http://127.0.0.1/invoice/{ref}",
            "parent": {"type": "subscription_details", "subscription_details": details},
            "lines": {
                "object": "list",
                "data": [
                    {
                        "id": self._id("il"),
                        "object": "line_item",
                        "period": {
                            "start": item["current_period_start"],
                            "end": item["current_period_end"],
                        },
                    }
                ],
            },
            "payments": {"object": "list", "data": []},
        }
        self.objects[ref] = invoice
        self._charge(row, invoice)

    def _charge(self, row: dict[str, Any], invoice: dict[str, Any]) -> None:
        says = self.says.get(row["customer"], "ok")
        payments = invoice["payments"]["data"]
        if not payments:
            payments.append(self._payment_of(invoice))
        intent = self.objects[payments[0]["payment"]["payment_intent"]]
        invoice["attempt_count"] += 1
        if says == "ok":
            invoice["status"], payments[0]["status"] = "paid", "paid"
            intent |= {"status": "succeeded", "last_payment_error": None}
            row["status"] = "active"
            self.happened("invoice.paid", invoice)
            return
        row["status"] = "past_due"
        if says == "action":
            intent |= {"status": "requires_action"}
            self.happened("invoice.payment_action_required", invoice)
            return
        error = {"code": "card_declined", "message": "Your card was declined."}
        intent |= {"status": "requires_payment_method", "last_payment_error": error}
        self.happened("invoice.payment_failed", invoice)

    def _payment_of(self, invoice: dict[str, Any]) -> dict[str, Any]:
        intent = self._id("pi")
        self.objects[intent] = {
            "id": intent,
            "object": "payment_intent",
            "amount": invoice["total"],
            "amount_refunded": 0,
            "currency": invoice["currency"],
            "status": "requires_payment_method",
            "last_payment_error": None,
            "metadata": {},
        }
        money = {"type": "payment_intent", "payment_intent": intent}
        return {
            "id": self._id("inpay"),
            "object": "invoice_payment",
            "status": "open",
            "payment": money,
        }

    def _invoices(self, ref: str) -> list[dict[str, Any]]:
        rows = self._of_kind("invoice")
        return [row for row in rows if row["parent"]["subscription_details"]["subscription"] == ref]

    def _of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [row for row in self.objects.values() if row.get("object") == kind]

    def _price(self, data: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": self._id("price"),
            "object": "price",
            "currency": data["currency"],
            "unit_amount": int(data["unit_amount"]),
            "product": data["product"],
            "recurring": data["recurring"],
        }

    @staticmethod
    def _later(seconds: int, interval: str) -> int:
        begins = datetime.fromtimestamp(seconds, UTC)
        return int(months_after(begins, MONTHS[interval]).timestamp())
