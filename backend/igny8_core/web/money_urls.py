"""Addresses of a customer's credits and money, and of operators' money screens."""

from __future__ import annotations

from django.urls import path

from igny8_core.web.views import (
    billing,
    billing_details,
    buying,
    money,
    operator_books,
    operator_credits,
    pay_by,
    payments,
    plans,
)

BILLING = [
    path("", billing.credits_page, name="billing"),
    path("ledger/", billing.ledger, name="ledger"),
    path("ledger/file/", billing.ledger_file, name="ledger_file"),
    path("usage/", billing.usage, name="usage"),
    path("prices/", billing.prices, name="prices"),
    path("plan/", plans.plan, name="plan"),
    path("plan/<slug:code>/", plans.choose_plan, name="plan_choice"),
    path("plan/<slug:code>/order/", plans.order_plan, name="order_plan"),
    path("plan/<slug:code>/change/", plans.change_plan, name="change_plan"),
    path("subscriptions/<int:subscription_id>/cancel/", plans.cancel_plan, name="cancel_plan"),
    path("subscriptions/<int:subscription_id>/resume/", plans.resume_plan, name="resume_plan"),
    path(
        "subscriptions/<int:subscription_id>/continue/", plans.continue_plan, name="continue_plan"
    ),
    path("buy/", buying.packages, name="buy"),
    path("buy/<slug:slug>/", buying.checkout, name="buy_package"),
    path("buy/<slug:slug>/order/", buying.place_order, name="place_order"),
    path("invoices/", money.invoices, name="invoices"),
    path("invoices/file/", money.invoices_file, name="invoices_file"),
    path("invoices/<int:invoice_id>/", money.invoice, name="invoice"),
    path("invoices/<int:invoice_id>/pdf/", money.invoice_pdf, name="invoice_pdf"),
    path("invoices/<int:invoice_id>/xml/", money.invoice_xml, name="invoice_xml"),
    path("invoices/<int:invoice_id>/pay/", money.pay_invoice, name="pay_invoice"),
    path("credit-notes/<int:note_id>/pdf/", money.credit_note_pdf, name="credit_note_pdf"),
    path("payments/", money.payment_list, name="payments"),
    path("payments/<int:payment_id>/", money.payment, name="payment"),
    path("payments/<int:payment_id>/evidence/", money.give_evidence, name="give_evidence"),
    path("payments/<int:payment_id>/cancel/", money.cancel_payment, name="cancel_payment"),
    path("payments/<int:payment_id>/continue/", money.continue_payment, name="continue_payment"),
    path("payments/<int:payment_id>/check/", money.check_payment, name="check_payment"),
    path("methods/", pay_by.methods, name="pay_by"),
    path("methods/add/", pay_by.add_method, name="add_payment_method"),
    path("methods/cards/save/", pay_by.save_card, name="save_card"),
    path("methods/cards/check/", pay_by.check_cards, name="check_cards"),
    path("methods/<int:method_id>/", pay_by.change_method, name="change_payment_method"),
    path("details/", billing_details.details, name="bill_to"),
]
OPERATORS = [
    path("ops/payments/", payments.payments, name="operate_payments"),
    path("ops/refunds/", payments.refunds, name="operate_refunds"),
    path("ops/disputes/", operator_books.disputes, name="operate_disputes"),
    path("ops/adjustments/", operator_credits.adjustments, name="operate_adjustments"),
    path("ops/prices/", operator_credits.prices, name="operate_prices"),
    path("ops/margins/", operator_credits.margins, name="operate_margins"),
    path("ops/sellers/", operator_books.sellers, name="operate_sellers"),
    path("ops/books/", operator_books.books, name="operate_books"),
]
