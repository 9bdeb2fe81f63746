from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model

from igny8_core.business.billing.models import (
    AccountPaymentMethod,
    CreditPackage,
    CreditTransaction,
    CreditWallet,
    ReservationResult,
)
from tests.make import billing as make_billing

pytestmark = pytest.mark.django_db
READ_ONLY = [
    model
    for model in admin.site._registry
    if model._meta.app_label == "billing"
    and model._meta.model_name
    not in {"creditpackage", "paymentmethodconfig", "sellerentity", "taxrule"}
]


def test_every_model_of_billing_can_be_looked_at() -> None:
    registered = {model for model in admin.site._registry if model._meta.app_label == "billing"}

    assert registered == set(apps.get_app_config("billing").get_models())


def test_raw_answers_and_what_providers_told_us_are_not_shown() -> None:
    shown = {
        model: admin.site._registry[model] for model in (ReservationResult, AccountPaymentMethod)
    }

    assert shown[ReservationResult].exclude == ("payload",)
    assert shown[AccountPaymentMethod].exclude == ("metadata",)


@pytest.fixture
def operator_request(rf: Any) -> Any:
    request = rf.get("/")
    request.user = get_user_model().objects.create_superuser("operator@example.com", "pw")
    return request


@pytest.mark.parametrize("model", READ_ONLY)
def test_operators_only_read_the_books(model: Any, operator_request: Any) -> None:
    page = admin.site._registry[model]

    assert page.has_view_permission(operator_request)
    assert not page.has_add_permission(operator_request)
    assert not page.has_change_permission(operator_request)
    assert not page.has_delete_permission(operator_request)


def test_operators_edit_what_is_for_sale(operator_request: Any) -> None:
    assert admin.site._registry[CreditPackage].has_change_permission(operator_request)


def test_operators_see_every_account(operator_request: Any) -> None:
    accounts = {make_billing.account_with(5).pk, make_billing.account_with(7).pk}

    wallets = admin.site._registry[CreditWallet].get_queryset(operator_request)
    rows = admin.site._registry[CreditTransaction].get_queryset(operator_request)

    assert set(wallets.values_list("pk", flat=True)) == accounts
    assert rows.count() == 4
