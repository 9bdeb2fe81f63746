"""Forms of a person's and an account's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from django import forms
from django.utils.functional import cached_property

from igny8_core.auth import reference, selectors
from igny8_core.common.errors import InvalidInput
from igny8_core.web.forms.identity import FIELD_OF, LANGUAGES

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Industry, Site
    from igny8_core.common.errors import DomainError

NO_COUNTRY = ("", "Not set")


def countries() -> list[tuple[str, str]]:
    """Choices of a country."""
    return [NO_COUNTRY, *reference.countries().items()]


def time_zones() -> list[tuple[str, str]]:
    """Choices of a time zone: places, and UTC."""
    places = sorted(name for name in available_timezones() if "/" in name)
    places = [name for name in places if not name.startswith(("Etc/", "posix/", "right/"))]
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in places)]


class ServiceForm(forms.Form):
    """A form whose service has the last word."""

    def refuse(self, error: DomainError) -> None:
        """Show what the service refused, beside the fields that it names."""
        if not isinstance(error, InvalidInput):
            self.add_error(None, error.message)
            return
        for name, texts in error.data.items():
            field = FIELD_OF.get(name, name)
            self.add_error(field if field in self.fields else None, texts)  # type: ignore[arg-type]  # lists of texts


class AccountForm(ServiceForm):
    """What an account's admins set for it."""

    name = forms.CharField(max_length=200)
    country_code = forms.ChoiceField(choices=countries, required=False)
    timezone = forms.ChoiceField(choices=time_zones)
    retention_days = forms.IntegerField(min_value=1, max_value=365)
    max_credits_per_day = forms.IntegerField(min_value=0, required=False)

    @classmethod
    def of(cls, account: Account, data: Any = None) -> AccountForm:
        """The form, filled with what the account has."""
        return cls(data, initial={name: getattr(account, name) for name in cls.base_fields})


class SiteForm(ServiceForm):
    """What a site's admins set for it."""

    name = forms.CharField(max_length=200)
    domain = forms.CharField(max_length=255, required=False)
    language = forms.ChoiceField(choices=LANGUAGES)
    country_code = forms.ChoiceField(choices=countries, required=False)
    timezone = forms.ChoiceField(choices=time_zones)

    @classmethod
    def of(cls, site: Site, data: Any = None) -> SiteForm:
        """The form, filled with what the site has; a language that is not listed stays possible."""
        form = cls(data, initial={name: getattr(site, name) for name in cls.base_fields})
        if site.language not in dict(LANGUAGES):
            field: Any = form.fields["language"]
            field.choices = [*LANGUAGES, (site.language, site.language)]
        return form


class NewSiteForm(ServiceForm):
    """A site with its sectors. The industry comes first: the sectors depend on it."""

    sectors = forms.MultipleChoiceField(
        choices=[],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one sector."},
    )
    site_name = forms.CharField(max_length=200)
    domain = forms.CharField(max_length=255, required=False)
    language = forms.ChoiceField(choices=LANGUAGES, initial="en")

    def __init__(self, *args: Any, industry_slug: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.industry_slug = industry_slug
        field: Any = self.fields["sectors"]
        found = self.chosen_industry
        field.choices = [(one.slug, one.name) for one in (found.sectors.all() if found else ())]

    @cached_property
    def chosen_industry(self) -> Industry | None:
        """The industry of the page's address, with its sectors."""
        slug = self.industry_slug
        return selectors.industries().filter(slug=slug).first() if slug.isprintable() else None

    def site(self) -> dict[str, Any]:
        """The cleaned data, by the names of the services' arguments."""
        data = self.cleaned_data
        return {
            "industry_slug": self.industry_slug,
            "sector_slugs": data["sectors"],
            "domain": data["domain"],
            "language": data["language"],
        }


class OpenAccountForm(NewSiteForm):
    """A further account of a signed-in person, with its first site."""

    account_name = forms.CharField(max_length=200)


class ProfileForm(ServiceForm):
    """How the others see a person."""

    name = forms.CharField(max_length=150, required=False)
