"""Forms of a customer's money: whom to bill, evidence of a payment, ways to pay."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from django import forms

from igny8_core.auth import reference
from igny8_core.business.billing.states import PaymentMethod
from igny8_core.common.errors import InvalidInput
from igny8_core.web.forms.settings import ServiceForm

if TYPE_CHECKING:
    from django.http import HttpRequest

_KEY: Final = re.compile(r"[A-Za-z0-9]{1,40}")


def countries() -> list[tuple[str, str]]:
    """Choices of a country that has to be named."""
    return [("", "Choose a country"), *reference.countries().items()]


class BillingDetailsForm(ServiceForm):
    """Whom invoices are made out to."""

    legal_name = forms.CharField(max_length=200)
    email = forms.EmailField(max_length=254, required=False)
    line1 = forms.CharField(max_length=200)
    line2 = forms.CharField(max_length=200, required=False)
    postal_code = forms.CharField(max_length=20, required=False)
    city = forms.CharField(max_length=100)
    region = forms.CharField(max_length=100, required=False)
    country_code = forms.ChoiceField(choices=countries)
    is_business = forms.ChoiceField(
        choices=[("1", "A business"), ("", "A private person")], required=False
    )
    tax_id = forms.CharField(max_length=30, required=False)

    @classmethod
    def of(cls, profile: Any, data: Any = None) -> BillingDetailsForm:
        """The form, filled with what is known."""
        known = {name: getattr(profile, name) for name in cls.base_fields}
        return cls(data, initial=known | {"is_business": "1" if profile.is_business else ""})

    def changes(self) -> dict[str, Any]:
        """The cleaned data, as the service takes it."""
        return self.cleaned_data | {"is_business": self.cleaned_data["is_business"] == "1"}


class EvidenceForm(ServiceForm):
    """How money was sent."""

    reference = forms.CharField(max_length=100, required=False)
    notes = forms.CharField(max_length=2_000, required=False)
    file = forms.FileField(required=False, allow_empty_file=False)

    def clean(self) -> dict[str, Any]:
        """At least one of them says something."""
        found: dict[str, Any] = super().clean() or {}
        if not any(found.get(name) for name in ("reference", "notes", "file")) and not self.errors:
            self.add_error("reference", "Give a reference, a note or a receipt.")
        return found


class PaymentMethodForm(ServiceForm):
    """A way to pay that is remembered by a name."""

    type = forms.ChoiceField(choices=PaymentMethod.choices)
    display_name = forms.CharField(max_length=100)
    instructions = forms.CharField(max_length=2_000, required=False)


def form_key(request: HttpRequest) -> str:
    """The value that makes a form's second click or resend the same request.

    :raises InvalidInput: there is none: the page is too old, or it was not ours.
    """
    key = request.POST.get("idempotency_key", "")
    if not _KEY.fullmatch(key):
        raise InvalidInput("Nothing was done.", idempotency_key=["Open the page again."])
    return key
