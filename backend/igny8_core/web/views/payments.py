"""Operators: payments that wait for somebody who has seen the money, and money back."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from igny8_core.auth.access.impersonation import STAFF
from igny8_core.business.billing import payment_selectors
from igny8_core.business.billing.services import approvals
from igny8_core.business.billing.services.failed_refunds import leave_refund
from igny8_core.business.billing.services.refunds import (
    refund_payment,
    refundable,
    retry_refund,
)
from igny8_core.business.billing.states import RefundStatus
from igny8_core.common.errors import DomainError, InvalidInput, NotFound, Refused
from igny8_core.common.money import decimals, major, written
from igny8_core.common.tenancy.context import acting
from igny8_core.web.screens import error_page
from igny8_core.web.views.acting import staff_only

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest

PERMISSION: Final = "billing.approve_payment"
REFUND_PERMISSION: Final = "billing.refund_payment"
DIGITS_MAX: Final = 18
REASON_MAX: Final = 300
KEY_MAX: Final = 40
DECISIONS: Final = frozenset({"again", "by_hand", "leave"})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def payments(request: HttpRequest) -> HttpResponse:
    """Say that the money came, or that it did not. Larger sums take two people."""
    if request.method != "POST" and "proof" in request.GET:
        return _proof(request)
    context: dict[str, Any] = {}
    status = 200
    if request.method == "POST":
        try:
            text = _act(request)
        except DomainError as exc:
            context["error"], status = exc, exc.http_status
        else:
            messages.success(request, text)
            return redirect("operate_payments")
    context |= {
        "may_act": request.user.has_perm(PERMISSION),
        "waiting": _shown(payment_selectors.payments_to_approve()),
        "in_review": _shown(payment_selectors.payments_to_review()),
        "decided": payment_selectors.payments_decided(),
        "me": request.user.pk,
        "values": request.POST,
    }
    return render(request, "ops/payments.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def refunds(request: HttpRequest) -> HttpResponse:
    """Give money back, with the credits that it brought and nobody has used."""
    context: dict[str, Any] = {
        "values": request.POST or request.GET,
        "key": request.POST.get("key") or uuid4().hex,
    }
    status = 200
    if request.method == "POST":
        try:
            text = _decide(request) if "refund" in request.POST else _refund(request)
        except DomainError as exc:
            context["error"], status = exc, exc.http_status
        else:
            messages.success(request, text)
            return redirect("operate_refunds")
    context |= {
        "may_act": request.user.has_perm(REFUND_PERMISSION),
        "failed": payment_selectors.refunds_to_review(),
        "refunds": payment_selectors.latest_refunds(),
        "about": _about(request),
    }
    return render(request, "ops/refunds.html", context, status=status)


def _about(request: HttpRequest) -> dict[str, Any] | None:
    """The payment that is asked about, and what of it could go back; None without one."""
    asked = request.POST.get("payment", "") or request.GET.get("payment", "")
    try:
        payment = payment_selectors.any_payment(_number(asked))
        left = refundable(account=payment.account, payment_id=payment.pk)
    except DomainError:
        return None
    return {"payment": payment, "left": left}


def _refund(request: HttpRequest) -> str:
    """Do what the form says; what to tell the operator."""
    payment = payment_selectors.any_payment(_number(request.POST.get("payment", "")))
    reason, key = request.POST.get("reason", "").strip(), request.POST.get("key", "")
    if not reason or len(reason) > REASON_MAX:
        raise InvalidInput("Nothing was given back.", reason=["Say why: the customer reads it."])
    if not (key.isascii() and key.isalnum() and len(key) <= KEY_MAX):
        raise InvalidInput("Nothing was given back.", key=["Open the page again."])
    asked = request.POST.get("amount", "").strip()
    amount = _minor(asked, payment.currency) if asked else None
    if not request.user.has_perm(REFUND_PERMISSION):
        raise Refused("You may not give money back.")
    with acting(f"{STAFF}{request.user.pk}"):
        row = refund_payment(
            account=payment.account,
            payment_id=payment.pk,
            reason=reason,
            idempotency_key=f"ops:{key}",
            amount_minor=amount,
            actor_id=request.user.pk,
            clock=timezone.now,
        )
    money = written(row.amount_minor, row.currency)
    how = "" if payment.provider else " Send it: nobody else does."
    return f"{money} and {row.credits:,} credits of payment {payment.pk} are given back.{how}"


def _decide(request: HttpRequest) -> str:
    """What becomes of a refund that failed; what to tell the operator."""
    failed = payment_selectors.any_refund(_number(request.POST["refund"]))
    act = request.POST.get("act", "")
    if act not in DECISIONS:
        raise InvalidInput("Nothing changed.", act=["Try again, send it another way, or leave it."])
    if not request.user.has_perm(REFUND_PERMISSION):
        raise Refused("You may not give money back.")
    about: dict[str, Any] = {
        "account": failed.account,
        "refund_id": failed.pk,
        "actor_id": request.user.pk,
    }
    money = written(failed.amount_minor, failed.currency)
    with acting(f"{STAFF}{request.user.pk}"):
        if act == "leave":
            leave_refund(now=timezone.now(), **about)
            return f"{money} of payment {failed.payment_id} stay paid."
        row = retry_refund(is_by_hand=act == "by_hand", clock=timezone.now, **about)
    if row.status == RefundStatus.FAILED:
        return f"{money} of payment {row.payment_id} could not be given back: {row.failure_reason}"
    how = "" if row.payment.provider and not row.is_by_hand else " Send it: nobody else does."
    return f"{money} and {row.credits:,} credits of payment {row.payment_id} are given back.{how}"


def _shown(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "row": row,
            "amount": written(row.amount_minor, row.currency),
            "value": f"{major(row.amount_minor, row.currency):.{decimals(row.currency)}f}",
            "takes_two": approvals.needs_second_person(row),
        }
        for row in rows
    ]


def _act(request: HttpRequest) -> str:
    """Do what the form says; what to tell the operator."""
    payment = payment_selectors.any_payment(_number(request.POST.get("payment", "")))
    act = request.POST.get("act", "")
    if act not in {"approve", "reject", "close"}:
        raise InvalidInput("Nothing changed.", act=["Approve, reject, or close."])
    if not request.user.has_perm(PERMISSION):
        raise Refused("You may not approve payments.")
    common: dict[str, Any] = {
        "account": payment.account,
        "payment_id": payment.pk,
        "actor_id": request.user.pk,
        "now": timezone.now(),
    }
    with acting(f"{STAFF}{request.user.pk}"):
        if act == "reject":
            reason = request.POST.get("reason", "")
            approvals.reject_payment(reason=reason, **common)
            return f"Payment {payment.pk} is rejected."
        if act == "close":
            approvals.close_review(note=request.POST.get("note", ""), **common)
            return f"Payment {payment.pk} is dealt with. Its invoice can be paid anew."
        received = _minor(request.POST.get("received", ""), payment.currency)
        row = approvals.approve_payment(received_minor=received, **common)
    if row.review_reason:
        return f"Payment {row.pk} does not fit its invoice: {row.review_reason}."
    if row.processed_at is None:
        return f"Payment {row.pk} waits for a second person."
    return f"Payment {row.pk} is in the books."


def _minor(text: str, currency: str) -> int:
    """An amount as people write it, in minor units.

    :raises InvalidInput: no amount, or finer than the currency.
    """
    problem = InvalidInput("Nothing was approved.", received=["An amount, for example 119.00."])
    try:
        amount = Decimal(text.strip()).scaleb(decimals(currency))
    except InvalidOperation as exc:
        raise problem from exc
    if not amount.is_finite() or amount != amount.to_integral_value() or not 0 < amount < 10**15:
        raise problem
    return int(amount)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise InvalidInput("Nothing changed.", payment=["Choose one of the list."])
    return int(text)


def _proof(request: HttpRequest) -> HttpResponse:
    """The evidence of a payment: as a download, never shown in our own pages."""
    try:
        payment = payment_selectors.any_payment(_number(request.GET["proof"]))
        found = approvals.read_proof(payment)
        if found is None:
            raise NotFound("There is no evidence of this payment.")
    except DomainError as exc:
        return error_page(request, exc)
    data, name, media_type = found
    return HttpResponse(
        data,
        content_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )
