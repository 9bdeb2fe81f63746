"""Subscriptions of PayPal's double: products, plans, what a customer, PayPal's clock and we do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakes.paypal_server import PayPalServer

SUBSCRIPTIONS = "/v1/billing/subscriptions"
PLANS = "/v1/billing/plans"


class Refused(Exception):
    """What PayPal would answer instead."""

    def __init__(self, status: int, name: str, issue: str = "") -> None:
        super().__init__(issue or name)
        self.status = status
        details = [{"issue": issue, "description": f"Refused: {issue}."}] if issue else []
        self.body = {"name": name, "message": name.lower(), "debug_id": "d1", "details": details}


# --- what a customer or PayPal's clock does


def order(server: PayPalServer, ref: str, *, at: datetime | None = None) -> None:
    """The customer agrees on PayPal's page; without a trial the first period is paid at once."""
    row = server.objects[ref]
    begin = at or datetime.now(UTC)
    row |= {"status": "ACTIVE", "start_time": written(begin)}
    row["subscriber"] = {"payer_id": "PAYER1"}
    server.happened("BILLING.SUBSCRIPTION.ACTIVATED", row)
    if len(row["plan"]["billing_cycles"]) == 1:
        take(server, ref, at=begin)


def take(
    server: PayPalServer, ref: str, *, at: datetime | None = None, status: str = "COMPLETED"
) -> str:
    """PayPal takes the money of a period, or cannot."""
    row = server.objects[ref]
    when = written(at or datetime.now(UTC))
    price = row["plan"]["billing_cycles"][-1]["pricing_scheme"]["fixed_price"]
    sale = server.new_id("S")
    row["_taken"].append(
        {
            "id": sale,
            "status": status,
            "time": when,
            "amount_with_breakdown": {"gross_amount": dict(price)},
        }
    )
    if status == "COMPLETED":
        row["billing_info"]["last_payment"] = {"amount": dict(price), "time": when}
        row["billing_info"]["outstanding_balance"]["value"] = "0.0"
        about = {"id": sale, "billing_agreement_id": ref, "custom": row["custom_id"]}
        server.happened("PAYMENT.SALE.COMPLETED", about)
    else:
        row["billing_info"]["outstanding_balance"]["value"] = price["value"]
        server.happened("BILLING.SUBSCRIPTION.PAYMENT.FAILED", row)
    return sale


# --- what we ask


def made(server: PayPalServer, path: str, data: dict[str, Any]) -> dict[str, Any]:
    """What a POST about subscriptions makes or changes."""
    if path == "/v1/catalogs/products":
        if data["id"] in server.objects:
            raise Refused(422, "UNPROCESSABLE_ENTITY", "DUPLICATE_RESOURCE_IDENTIFIER")
        return data
    if path == PLANS:
        return data | {"id": server.new_id("P-"), "status": "ACTIVE"}
    if path == SUBSCRIPTIONS:
        return _subscription(server, data)
    if path.endswith("/update-pricing-schemes"):
        plan = server.objects[path.split("/")[-2]]
        for scheme in data["pricing_schemes"]:
            cycle = plan["billing_cycles"][scheme["billing_cycle_sequence"] - 1]
            cycle["pricing_scheme"] = scheme["pricing_scheme"]
        return plan
    if path.startswith(f"{SUBSCRIPTIONS}/"):
        ref, act = path.split("/")[-2:]
        return _moved(server, ref, act, data.get("reason", ""))
    raise Refused(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A subscription, or what was taken for it, as PayPal answers."""
    return {name: value for name, value in row.items() if not name.startswith("_")}


def transactions(row: dict[str, Any]) -> dict[str, Any]:
    return {"transactions": row["_taken"], "total_items": len(row["_taken"])}


def _subscription(server: PayPalServer, data: dict[str, Any]) -> dict[str, Any]:
    ref, plan = server.new_id("I-"), server.objects[data["plan_id"]]
    price = plan["billing_cycles"][-1]["pricing_scheme"]["fixed_price"]
    balance = {"currency_code": price["currency_code"], "value": "0.0"}
    return {
        "id": ref,
        "plan_id": plan["id"],
        "plan": plan,
        "status": "APPROVAL_PENDING",
        "custom_id": data["custom_id"],
        "start_time": written(datetime.now(UTC)),
        "billing_info": {"outstanding_balance": balance, "failed_payments_count": 0},
        "links": [{"rel": "approve", "href": f"{server.address}/pay/{ref}", "method": "GET"}],
        "_taken": [],
    }


def _moved(server: PayPalServer, ref: str, act: str, reason: str) -> dict[str, Any]:
    if ref not in server.objects:
        raise Refused(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
    row = server.objects[ref]
    allowed, status = {
        "suspend": ({"ACTIVE"}, "SUSPENDED"),
        "activate": ({"SUSPENDED"}, "ACTIVE"),
        "cancel": ({"ACTIVE", "SUSPENDED"}, "CANCELLED"),
    }[act]
    if row["status"] not in allowed:
        raise Refused(422, "UNPROCESSABLE_ENTITY", "SUBSCRIPTION_STATUS_INVALID")
    row |= {"status": status, "status_change_note": reason}
    server.happened(f"BILLING.SUBSCRIPTION.{status}", row)
    return row


def written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
