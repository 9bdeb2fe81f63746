"""PayPal on a loopback port, as far as we use it, with faults to switch on.

It is driven by PayPal's own library, unchanged. Webhooks are not sent by themselves:
:attr:`PayPalServer.events` has what happened, and a test delivers it in any order, any number of
times, or not at all.
"""

from __future__ import annotations

import base64
import json
import threading
import zlib
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256

from tests.fakes import paypal_plans
from tests.fakes.loopback import serving
from tests.fakes.paypal_certificates import Signer, root_pem, signer
from tests.fakes.paypal_plans import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

WEBHOOK = "WH-OURS"
CERTIFICATE = "/v1/notifications/certs/CERT-1"
ORDERS = "/v2/checkout/orders"


@dataclass
class PayPalServer:
    """What PayPal knows.

    :ivar faults: for the next request of a path: ``lost`` (done, and the connection is cut),
        ``broken`` (done, and the answer is 500), ``down`` (not done, 500), ``refused`` (422).
    :ivar capture_as: the status of the next captures; ``refund_as`` of the next refunds.
    :ivar calls: how often something was really done, by path.
    """

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[tuple[str, str], tuple[str, int, dict[str, Any]]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    certificates: dict[str, bytes] = field(default_factory=dict)
    capture_as: str = "COMPLETED"
    refund_as: str = "COMPLETED"
    page_size: int = 100
    lock: threading.RLock = field(default_factory=threading.RLock)
    address: str = ""
    _number: int = 0

    @property
    def keys(self) -> dict[str, Any]:
        """The settings of an installation that uses this server."""
        return {
            "client_id": "id",
            "secret_key": "secret",
            "webhook_secrets": [WEBHOOK],
            "address": self.address,
            "trust": root_pem(),
        }

    # --- what a customer, a bank or PayPal does

    def approve(self, ref: str) -> None:
        """The customer agrees on PayPal's page. Nothing is paid by that."""
        with self.lock:
            now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
            self.objects[ref] |= {"status": "APPROVED", "update_time": now}
            self.happened("CHECKOUT.ORDER.APPROVED", self.objects[ref])

    def arrive(self, capture: str) -> None:
        """The money of a slow way to pay arrives."""
        with self.lock:
            self.objects[capture]["status"] = "COMPLETED"
            self.happened("PAYMENT.CAPTURE.COMPLETED", self.objects[capture])

    def deny(self, capture: str) -> None:
        """The money of a slow way to pay will not come."""
        with self.lock:
            self.objects[capture]["status"] = "DECLINED"
            self.happened("PAYMENT.CAPTURE.DENIED", self.objects[capture])

    def refund_there(self, capture: str, value: str) -> None:
        """Somebody gives money back in PayPal's pages: it carries the capture's own word."""
        with self.lock:
            money = self.objects[capture]
            amount = money["amount"] | {"value": value}
            made = self._refund(capture, {"amount": amount, "custom_id": money["custom_id"]})
            self.objects[made["id"]] = made

    def fail_refund(self, ref: str, reason: str = "ECHECK") -> None:
        """The money of a refund did not go. PayPal sends no event about it."""
        with self.lock:
            self.objects[ref] |= {"status": "FAILED", "status_details": {"reason": reason}}
            self.objects[self.objects[ref]["capture"]]["status"] = "COMPLETED"

    def forget(self, ref: str) -> None:
        """Nobody approved the order in time."""
        with self.lock:
            self.objects.pop(ref)

    def dispute(self, capture: str, *, amount: str = "") -> str:
        """A customer asks for money back; none has moved yet."""
        with self.lock:
            ref, money = self.new_id("PP-D"), self.objects[capture]["amount"]
            self.objects[ref] = {
                "dispute_id": ref,
                "reason": "UNAUTHORISED",
                "status": "UNDER_REVIEW",
                "dispute_amount": money | ({"value": amount} if amount else {}),
                "disputed_transactions": [{"seller_transaction_id": capture}],
                "money_movements": [],
            }
            self.happened("CUSTOMER.DISPUTE.CREATED", self.objects[ref])
            return ref

    def move(self, ref: str, kind: str) -> None:
        """Money of a dispute: ``DEBIT`` from the seller, ``CREDIT`` back."""
        with self.lock:
            row = self.objects[ref]
            entry = {"affected_party": "SELLER", "type": kind, "amount": row["dispute_amount"]}
            row["money_movements"].append(entry)
            self.happened("CUSTOMER.DISPUTE.UPDATED", row)

    def close(self, ref: str, outcome: str) -> None:
        """PayPal has decided, for example ``RESOLVED_BUYER_FAVOUR``."""
        with self.lock:
            row = self.objects[ref]
            row |= {"status": "RESOLVED", "dispute_outcome": {"outcome_code": outcome}}
            self.happened("CUSTOMER.DISPUTE.RESOLVED", row)

    def happened(self, kind: str, about: dict[str, Any]) -> dict[str, Any]:
        """Note an event, as it would be sent."""
        event = {
            "id": self.new_id("WH-E"),
            "event_version": "1.0",
            "create_time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}",
            "event_type": kind,
            "summary": kind.lower(),
            "resource": json.loads(json.dumps(paypal_plans.shown(about))),
        }
        self.events.append(event)
        return event

    # --- what we ask

    def post(self, path: str, body: str, key: str) -> tuple[int, dict[str, Any]]:
        """Do it, once per key."""
        with self.lock:
            if path == "/v1/oauth2/token":
                return 200, {"access_token": "T", "token_type": "Bearer", "expires_in": 32_400}
            if key and (path, key) in self.answers:
                before, status, answer = self.answers[path, key]
                if before != body:
                    raise Refused(422, "UNPROCESSABLE_ENTITY", "PAYPAL_REQUEST_ID_REUSED")
                if not answer:
                    raise Refused(422, "UNPROCESSABLE_ENTITY", "INSTRUMENT_DECLINED")
                return status, paypal_plans.shown(self.objects.get(str(answer.get("id")), answer))
            data = json.loads(body) if body else {}
            status = 201
            if path == ORDERS:
                made = self._order(data)
            elif path.startswith(f"{ORDERS}/") and path.endswith("/capture"):
                made = self._capture(path.split("/")[-2], (path, key))
            elif path.endswith("/refund"):
                made = self._refund(path.split("/")[-2], data)
            else:
                made = paypal_plans.made(self, path, data)
            self.calls[path] += 1
            self.objects[made["id"]] = made
            if key:
                self.answers[path, key] = (body, status, made)
            return status, paypal_plans.shown(made)

    def get(self, path: str, query: str) -> dict[str, Any]:
        """What there is."""
        with self.lock:
            if path == "/v1/notifications/webhooks-events":
                return self._events(dict(parse_qsl(query)))
            if path == "/v1/customer/disputes":
                return self._disputes(dict(parse_qsl(query)))
            if path.endswith("/transactions"):
                return paypal_plans.transactions(self.objects[path.split("/")[-2]])
            found = self.objects.get(path.rsplit("/", 1)[-1])
            if found is None:
                raise Refused(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
            return paypal_plans.shown(found)

    def fault(self, path: str) -> str:
        """The next fault of a path, if one was switched on."""
        with self.lock:
            waiting = self.faults.get(path)
            return waiting.pop(0) if waiting else ""

    def _order(self, data: dict[str, Any]) -> dict[str, Any]:
        ref = self.new_id("O")
        experience = data["payment_source"]["paypal"]["experience_context"]
        return {
            "id": ref,
            "intent": data["intent"],
            "status": "PAYER_ACTION_REQUIRED",
            "payment_source": {"paypal": {}},
            "purchase_units": [
                unit | {"reference_id": "default"} for unit in data["purchase_units"]
            ],
            "links": [
                {"rel": "self", "href": f"{self.address}{ORDERS}/{ref}", "method": "GET"},
                {"rel": "payer-action", "href": f"{self.address}/pay/{ref}", "method": "GET"},
            ],
            "experience": experience,
        }

    def _capture(self, ref: str, asked: tuple[str, str]) -> dict[str, Any]:
        order = self.objects.get(ref)
        if order is None:
            raise Refused(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
        if order["status"] != "APPROVED":
            done = order["status"] == "COMPLETED"
            issue = "ORDER_ALREADY_CAPTURED" if done else "ORDER_NOT_APPROVED"
            raise Refused(422, "UNPROCESSABLE_ENTITY", issue)
        if self.capture_as == "INSTRUMENT_DECLINED":
            order["status"] = "PAYER_ACTION_REQUIRED"
            self.answers[asked] = ("", 422, {})  # for good
            raise Refused(422, "UNPROCESSABLE_ENTITY", "INSTRUMENT_DECLINED")
        (unit,) = order["purchase_units"]
        capture = self.new_id("C")
        self.objects[capture] = {
            "id": capture,
            "status": self.capture_as,
            "amount": unit["amount"],
            "custom_id": unit["custom_id"],
            "invoice_id": unit["invoice_id"],
            "final_capture": True,
            "supplementary_data": {"related_ids": {"order_id": ref}},
        }
        order["status"] = "COMPLETED"
        unit["payments"] = {"captures": [self.objects[capture]]}
        kind = {"COMPLETED": "COMPLETED", "PENDING": "PENDING"}.get(self.capture_as, "DENIED")
        self.happened(f"PAYMENT.CAPTURE.{kind}", self.objects[capture])
        return order

    def _refund(self, capture: str, data: dict[str, Any]) -> dict[str, Any]:
        money = self.objects.get(capture)
        if money is None:
            raise Refused(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
        refunds = [r for r in self.objects.values() if r.get("capture") == capture]
        gone = [r for r in refunds if r["status"] != "FAILED"]
        amount = Decimal(data["amount"]["value"])
        left = Decimal(money["amount"]["value"]) - sum(Decimal(r["amount"]["value"]) for r in gone)
        if amount > left:
            raise Refused(422, "UNPROCESSABLE_ENTITY", "REFUND_AMOUNT_EXCEEDED")
        money["status"] = "REFUNDED" if amount == left else "PARTIALLY_REFUNDED"
        made = {
            "id": self.new_id("R"),
            "status": self.refund_as,
            "amount": data["amount"],
            "custom_id": data.get("custom_id", ""),
            "capture": capture,
            "links": [{"rel": "up", "href": f"{self.address}/v2/payments/captures/{capture}"}],
        }
        self.happened("PAYMENT.CAPTURE.REFUNDED", made)
        order = self.objects[money["supplementary_data"]["related_ids"]["order_id"]]
        order["purchase_units"][0]["payments"].setdefault("refunds", []).append(made)
        return made

    def _disputes(self, asked: dict[str, str]) -> dict[str, Any]:
        money = {"seller_transaction_id": asked["disputed_transaction_id"]}
        found = [r for r in self.objects.values() if r.get("disputed_transactions") == [money]]
        return {"items": [{"dispute_id": row["dispute_id"]} for row in found]}

    def _events(self, asked: dict[str, str]) -> dict[str, Any]:
        since = datetime.fromisoformat(asked["start_time"])
        found = [e for e in self.events if datetime.fromisoformat(e["create_time"]) >= since]
        begin = int(asked.get("start", 0))
        end = begin + self.page_size
        links = []
        if end < len(found):
            query = f"start_time={asked['start_time']}&end_time={asked['end_time']}&start={end}"
            href = f"{self.address}/v1/notifications/webhooks-events?{query}"
            links = [{"rel": "next", "href": href}]
        return {"events": found[begin:end], "count": len(found), "links": links}

    def new_id(self, kind: str) -> str:
        with self.lock:
            self._number += 1
            return f"{kind}{self._number:08d}"


def signed(
    server: PayPalServer,
    event: dict[str, Any],
    *,
    webhook: str = WEBHOOK,
    by: Signer | None = None,
    at: datetime | None = None,
    **headers: str,
) -> tuple[bytes, dict[str, str]]:
    """The body of a webhook, and its headers."""
    by = by or signer()
    server.certificates.setdefault(CERTIFICATE, by.pem)
    body = json.dumps(event).encode()
    sent = f"{at or datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    text = f"T-1|{sent}|{webhook}|{zlib.crc32(body)}".encode()
    signature = base64.b64encode(by.key.sign(text, padding.PKCS1v15(), SHA256())).decode()
    found = {
        "Paypal-Transmission-Id": "T-1",
        "Paypal-Transmission-Time": sent,
        "Paypal-Transmission-Sig": signature,
        "Paypal-Cert-Url": f"{server.address}{CERTIFICATE}",
        "Paypal-Auth-Algo": "SHA256withRSA",
    }
    return body, found | {f"Paypal-{name.replace('_', '-')}": v for name, v in headers.items()}


@contextmanager
def running() -> Iterator[PayPalServer]:
    """PayPal, until the block ends."""
    server = PayPalServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path in server.certificates:
                self._write(200, server.certificates[self.path], "application/x-pem-file")
                return
            self._answer(lambda path, query: (200, server.get(path, query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            key = self.headers.get("PayPal-Request-Id") or ""
            self._answer(lambda path, _query: server.post(path, body, key))

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

        def _answer(self, act: Any) -> None:
            parts = urlsplit(self.path)
            fault = server.fault(parts.path)
            if fault in {"down", "refused"}:
                refused = Refused(422, "UNPROCESSABLE_ENTITY", "NOT_LIKE_THIS")
                self._send(*((500, {}) if fault == "down" else (refused.status, refused.body)))
                return
            try:
                status, found = act(parts.path, parts.query)
            except Refused as refused:
                status, found = refused.status, refused.body
            if fault == "lost":
                self.close_connection = True
                self.connection.shutdown(2)
                return
            if fault == "broken":
                status, found = 500, {"name": "INTERNAL_SERVER_ERROR", "message": "broken"}
            self._send(status, found)

        def _send(self, status: int, found: dict[str, Any]) -> None:
            self._write(status, json.dumps(found).encode(), "application/json")

        def _write(self, status: int, data: bytes, media_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with serving(Handler) as address:
        server.address = address
        yield server
