"""Stripe on a loopback port, as far as we use it, with faults to switch on.

It is driven by Stripe's own library, unchanged. Webhooks are not sent by themselves:
:attr:`StripeServer.events` has what happened, and a test delivers it in any order, any number of
times, or not at all.
"""

from __future__ import annotations

import copy
import json
import re
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import stripe

from tests.fakes.loopback import serving
from tests.fakes.stripe_book import Book, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "whsec_test"
BUSY = "There is currently another in-progress request using this key."
NOT_DONE: dict[str, tuple[int, dict[str, Any]]] = {
    "down": (500, {"error": {"type": "api_error", "message": "down"}}),
    "refused": (400, {"error": {"type": "invalid_request_error", "message": "not like this"}}),
    "busy": (409, {"error": {"type": "idempotency_error", "message": BUSY}}),
}
"""Answers to requests of which nothing came."""


@dataclass
class StripeServer(Book):
    """What Stripe knows.

    :ivar faults: for the next request of a path: ``lost`` (done, and the connection is cut),
        ``broken`` (done, and the answer is 500), ``down`` (not done, 500), ``refused`` (400),
        ``busy`` (409: somebody else's call with the key is being worked on).
    :ivar calls: how often something was really done, by path.
    """

    answers: dict[tuple[str, str], tuple[str, dict[str, Any]]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    address: str = ""
    _number: int = 0

    # --- what a customer or a bank does

    def pay(self, ref: str, *, amount: int | None = None, is_instant: bool = True) -> None:
        """Somebody pays a checkout on Stripe's page; ``amount`` other than asked, if named."""
        with self.lock:
            session = self.objects[ref]
            if session["mode"] != "payment":
                self.sign_up(session)
                return
            total = session["amount_total"] if amount is None else amount
            intent = self._id("pi")
            metadata = session["metadata"]
            self.objects[intent] = {
                "id": intent,
                "object": "payment_intent",
                "amount": total,
                "amount_refunded": 0,
                "currency": session["currency"],
                "status": "succeeded",
                "metadata": metadata,
            }
            paid = "paid" if is_instant else "unpaid"
            session |= {"status": "complete", "payment_status": paid, "amount_total": total}
            session |= {"payment_intent": intent, "url": None}
            self.happened("checkout.session.completed", session)

    def arrive(self, ref: str) -> None:
        """The money of a slow bank arrives."""
        with self.lock:
            self.objects[ref]["payment_status"] = "paid"
            self.happened("checkout.session.async_payment_succeeded", self.objects[ref])

    def expire(self, ref: str) -> None:
        """Nobody paid in time."""
        with self.lock:
            self.objects[ref] |= {"status": "expired", "url": None}
            self.happened("checkout.session.expired", self.objects[ref])

    def refund_there(self, intent: str, amount: int) -> None:
        """Somebody gives money back in Stripe's own pages."""
        with self.lock:
            made = self._refund({"payment_intent": intent, "amount": str(amount)})
            self.objects[made["id"]] = made

    def fail_refund(self, ref: str, reason: str = "expired_or_canceled_card") -> None:
        """The customer's bank sends the money of a refund back, perhaps days later."""
        with self.lock:
            row = self.objects[ref]
            row |= {"status": "failed", "failure_reason": reason}
            self.objects[row["payment_intent"]]["amount_refunded"] -= row["amount"]
            self.happened("refund.updated", row)
            self.happened("refund.failed", row)

    def dispute(self, intent: str, *, amount: int | None = None) -> str:
        """A bank asks about a payment; no money has moved yet."""
        with self.lock:
            money = self.objects[intent]
            ref = self._id("du")
            self.objects[ref] = {
                "id": ref,
                "object": "dispute",
                "amount": money["amount"] if amount is None else amount,
                "currency": money["currency"],
                "payment_intent": intent,
                "reason": "fraudulent",
                "status": "needs_response",
                "balance_transactions": [],
            }
            self.happened("charge.dispute.created", self.objects[ref])
            return ref

    def withdraw(self, ref: str) -> None:
        """The bank takes the money."""
        self._move(ref, -1, "charge.dispute.funds_withdrawn")

    def reinstate(self, ref: str) -> None:
        """The bank gives the money back."""
        self._move(ref, 1, "charge.dispute.funds_reinstated")

    def close(self, ref: str, outcome: str) -> None:
        """The bank has decided: ``won`` or ``lost``."""
        with self.lock:
            self.objects[ref]["status"] = outcome
            self.happened("charge.dispute.closed", self.objects[ref])

    def _move(self, ref: str, sign: int, kind: str) -> None:
        with self.lock:
            row = self.objects[ref]
            entry = {"id": self._id("txn"), "object": "balance_transaction"}
            row["balance_transactions"].append(entry | {"amount": sign * row["amount"]})
            self.happened(kind, row)

    def happened(self, kind: str, about: dict[str, Any]) -> dict[str, Any]:
        """Note an event, as it would be sent."""
        event = {
            "id": self._id("evt"),
            "object": "event",
            "type": kind,
            "created": self.at or int(time.time()),
            "api_version": stripe.api_version,
            "data": {"object": json.loads(json.dumps(about))},
        }
        self.events.append(event)
        return event

    # --- what we ask

    def post(self, path: str, body: str, key: str) -> dict[str, Any]:
        """Do it, once per key."""
        with self.lock:
            if key and (path, key) in self.answers:
                before, answer = self.answers[path, key]
                if before != body:
                    text = "Keys for idempotent requests can only be used with the same parameters"
                    raise Refused(400, "idempotency_error", text)
                return answer
            data = _nested(parse_qsl(body))
            if path == "/v1/checkout/sessions":
                made = self._checkout(data)
            elif path == "/v1/refunds":
                made = self._refund(data)
            elif path == "/v1/payment_intents":
                made = self.intend(data)
            elif path == "/v1/customers":
                made = {"id": self._id("cus"), "object": "customer"} | data
            else:
                made = self.change(path, data)
            self.calls[path] += 1
            self.objects[made["id"]] = made
            if key:
                self.answers[path, key] = (body, copy.deepcopy(made))  # as it was then
            return made

    def get(self, path: str, query: str) -> dict[str, Any]:
        """What there is."""
        with self.lock:
            if path == "/v1/events":
                return self._events(_nested(parse_qsl(query)))
            if (rows := self.listed(path, _nested(parse_qsl(query)))) is not None:
                return {"object": "list", "url": path, "data": rows, "has_more": False}
            found = self.objects.get(path.rsplit("/", 1)[-1])
            if found is None:
                raise Refused(404, "invalid_request_error", "No such object", "resource_missing")
            return found

    def fault(self, path: str) -> str:
        """The next fault of a path, if one was switched on."""
        with self.lock:
            waiting = self.faults.get(path)
            return waiting.pop(0) if waiting else ""

    def _checkout(self, data: dict[str, Any]) -> dict[str, Any]:
        ref = self._id("cs_test")
        lines = data.get("line_items", {}).values()
        prices = [line["price_data"] for line in lines]
        return {
            "id": ref,
            "object": "checkout.session",
            "mode": data["mode"],
            "status": "open",
            "payment_status": "unpaid",
            "url": f"{self.address}/pay/{ref}",
            "client_reference_id": data.get("client_reference_id"),
            "metadata": data.get("metadata", {}),
            "customer_email": data.get("customer_email"),
            "amount_total": sum(
                int(line["price_data"]["unit_amount"]) * int(line["quantity"]) for line in lines
            ),
            "currency": prices[0]["currency"] if prices else None,
            "payment_intent": None,
            "customer": data.get("customer"),
            "subscription": None,
            "setup_intent": None,
            "asked": data,
        }

    def _refund(self, data: dict[str, Any]) -> dict[str, Any]:
        intent = self.objects.get(data["payment_intent"])
        if intent is None:
            raise Refused(404, "invalid_request_error", "No such object", "resource_missing")
        amount = int(data["amount"])
        if amount > intent["amount"] - intent["amount_refunded"]:
            text = "Refund amount is greater than unrefunded amount"
            raise Refused(400, "invalid_request_error", text, "charge_already_refunded")
        intent["amount_refunded"] += amount
        self.happened(
            "charge.refunded",
            {
                "id": f"ch_{intent['id']}",
                "object": "charge",
                "payment_intent": intent["id"],
                "amount_refunded": intent["amount_refunded"],
            },
        )
        return {
            "id": self._id("re"),
            "object": "refund",
            "amount": amount,
            "currency": intent["currency"],
            "status": "succeeded",
            "payment_intent": intent["id"],
            "metadata": data.get("metadata", {}),
            "reason": data.get("reason"),
        }

    def _events(self, asked: dict[str, Any]) -> dict[str, Any]:
        since = int(asked.get("created", {}).get("gte", 0))
        kinds = set(asked.get("types", {}).values())
        found = [e for e in self.events if e["created"] >= since and e["type"] in kinds]
        found.reverse()  # newest first
        if after := asked.get("starting_after"):
            found = found[[e["id"] for e in found].index(after) + 1 :]
        limit = int(asked.get("limit", 10))
        return {
            "object": "list",
            "url": "/v1/events",
            "data": found[:limit],
            "has_more": len(found) > limit,
        }

    def _id(self, kind: str) -> str:
        with self.lock:
            self._number += 1
            return f"{kind}_{self._number:08d}"


def signed(event: dict[str, Any], *, secret: str = SECRET, at: int | None = None) -> Any:
    """The body of a webhook, and its signature."""
    body = json.dumps(event)
    header = stripe.WebhookSignature.generate_signature_header(body, secret, at)
    return body.encode(), {"Stripe-Signature": header}


@contextmanager
def running() -> Iterator[StripeServer]:
    """Stripe, until the block ends."""
    server = StripeServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(server.get)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            key = self.headers.get("Idempotency-Key") or ""
            self._answer(lambda path, _query: server.post(path, body, key))

        def do_DELETE(self) -> None:
            self._answer(lambda path, _query: server.post(f"{path}/cancel", "", ""))

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

        def _answer(self, act: Any) -> None:
            parts = urlsplit(self.path)
            fault = server.fault(parts.path)
            if fault in NOT_DONE:
                self._send(*NOT_DONE[fault])
                return
            try:
                status, found = 200, act(parts.path, parts.query)
            except Refused as refused:
                status, found = refused.status, refused.body
            if fault == "lost":
                self.close_connection = True
                self.connection.shutdown(2)
                return
            if fault == "broken":
                status, found = 500, {"error": {"type": "api_error", "message": "broken"}}
            self._send(status, found)

        def _send(self, status: int, found: dict[str, Any]) -> None:
            data = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Stripe-Should-Retry", "false")  # our own repeats are what is tested
            self.end_headers()
            self.wfile.write(data)

    with serving(Handler) as address:
        server.address = address
        yield server


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """``a[b][0]=c`` as dictionaries."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        *path, last = re.findall(r"[^\[\]]+", name)
        inside = found
        for part in path:
            inside = inside.setdefault(part, {})
        inside[last] = value
    return found
