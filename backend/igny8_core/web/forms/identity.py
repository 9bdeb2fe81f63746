"""Forms of signing in and up, in the words and fields of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import LoginForm, SignupForm
from django import forms
from django.utils import timezone
from django.utils.functional import cached_property

from igny8_core.auth import selectors, services
from igny8_core.business.billing.services.plan_periods import open_current_period

if TYPE_CHECKING:
    from django.http import HttpRequest

    from igny8_core.auth.models import Industry, User

LANGUAGES = [
    ("en", "English"),
    ("de", "German"),
    ("fr", "French"),
    ("es", "Spanish"),
    ("it", "Italian"),
    ("nl", "Dutch"),
    ("pt", "Portuguese"),
    ("pl", "Polish"),
]
FIELD_OF = {
    "name": "site_name",
    "account_name": "account_name",
    "industry_slug": "industry",
    "sector_slugs": "sectors",
}
"""Names of the service's arguments, and the fields that they come from."""


class SignInForm(LoginForm):
    """E-mail address and password; the address is posted as ``username``."""

    def add_prefix(self, field_name: str) -> str:
        return super().add_prefix("username" if field_name == "login" else field_name)


class SignUpForm(SignupForm):
    """A person, an account and its first site.

    The industry comes first, as a parameter of the page's address: the sectors depend on it.
    """

    industry = forms.ChoiceField(choices=[], widget=forms.HiddenInput)
    sectors = forms.MultipleChoiceField(
        choices=[],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one sector."},
    )
    account_name = forms.CharField(max_length=200)
    site_name = forms.CharField(max_length=200)
    domain = forms.CharField(max_length=255, required=False)
    language = forms.ChoiceField(choices=LANGUAGES, initial="en")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.industry_slug: str = kwargs.pop("industry_slug", "")
        super().__init__(*args, **kwargs)
        found = self.chosen_industry
        names = [] if found is None else [(found.slug, found.name)]
        self.fields["industry"].choices = names
        self.fields["industry"].initial = self.industry_slug
        self.fields["sectors"].choices = [
            (sector.slug, sector.name) for sector in (found.sectors.all() if found else ())
        ]

    @cached_property
    def chosen_industry(self) -> Industry | None:
        """The industry of the page's address, with its sectors."""
        return selectors.industries().filter(slug=self.industry_slug).first()

    def clean_domain(self) -> str:
        """A host name, whatever was pasted."""
        text: str = self.cleaned_data["domain"].strip().lower()
        return text.rpartition("://")[2].partition("/")[0]

    def save(self, request: HttpRequest) -> User:  # noqa: ARG002 - allauth's signature
        """Open the account, with its plan's first credits.

        The address is verified by the mail that allauth sends next.
        """
        data = self.cleaned_data
        person, site = services.sign_up(
            email=data["email"],
            password=data["password1"],
            account_name=data["account_name"],
            site_name=data["site_name"],
            industry_slug=data["industry"],
            sector_slugs=data["sectors"],
            domain=data["domain"],
            language=data["language"],
        )
        open_current_period(account=site.account, now=timezone.now())  # the plan's credits
        return person


class AcceptInvitationForm(forms.Form):
    """A new person's name and password."""

    name = forms.CharField(max_length=150)
    password = forms.CharField(widget=forms.PasswordInput, strip=False)

    def clean_password(self) -> str:
        return str(get_adapter().clean_password(self.cleaned_data["password"]))
