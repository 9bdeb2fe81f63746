"""What allauth asks of us: words, mails that must not fail a request, sealed second factors."""

from __future__ import annotations

from smtplib import SMTPException
from typing import TYPE_CHECKING, Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from igny8_core.auth import selectors, services
from igny8_core.common.vault import vault

if TYPE_CHECKING:
    from allauth.account.models import EmailAddress
    from django.http import HttpRequest

log = structlog.get_logger(__name__)

SEALED_FOR = "mfa"


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in, sign-up and their mails."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "Please enter a correct e-mail address and password.",
        "too_many_login_attempts": "Too many failed attempts. Try again in a few minutes.",
    }

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send, or say on the page that it did not work: the person can ask for another mail."""
        try:
            super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError):
            log.exception("identity.mail.failed", template=template_prefix)
            text = "We could not send the e-mail. Please try again in a few minutes."
            self.add_message(self.request, messages.ERROR, message=text)

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Mark the address as proven, here and on the person.

        Not if somebody else signs in with it: they may have taken it since the link was sent.
        """
        try:
            with transaction.atomic():
                is_confirmed: bool = super().confirm_email(request, email_address)
        except IntegrityError:
            text = "Somebody else signs in with this address. Ask for a new password there."
            self.add_message(request, messages.ERROR, message=text)
            return False
        if is_confirmed:
            services.mark_verified(user_id=email_address.user_id, now=timezone.now())
        return is_confirmed

    def is_safe_url(self, url: str) -> bool:
        """Whether one may be led there; what is no address is none."""
        try:
            return bool(super().is_safe_url(url))
        except ValueError:  # "https://[::1"
            return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """An operator who belongs to no account starts at the operators' page."""
        person = request.user
        if getattr(person, "is_staff", False) and not selectors.memberships_of(person.pk or 0):
            return reverse("act")
        return str(super().get_login_redirect_url(request))

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002
        return reverse("security")


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets of second factors are sealed before they are stored."""

    def encrypt(self, text: str) -> str:
        return vault(purpose="second-factors").seal(text, context=SEALED_FOR)

    def decrypt(self, encrypted_text: str) -> str:
        return str(vault(purpose="second-factors").open(encrypted_text, context=SEALED_FOR))
