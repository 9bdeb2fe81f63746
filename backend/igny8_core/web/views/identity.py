"""Signing up and in, verification, passwords and second factors: allauth's views, our pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import qrcode
from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.usersessions import views as usersessions
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.views.decorators.http import require_POST

from igny8_core.auth import selectors
from igny8_core.auth.access.devices import end_device, signed_in_devices
from igny8_core.auth.errors import AddressTaken
from igny8_core.common.errors import DomainError, InvalidInput
from igny8_core.web.forms.identity import FIELD_OF
from igny8_core.web.screens import error_page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from igny8_core.auth.models import User

QUIET_ZONE = 2


class SignUpView(account.SignupView):
    """First the industry, by ``?industry=``, then everything else on one page."""

    template_name = "identity/sign_up.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        slug = self.request.GET.get("industry", "")
        return super().get_form_kwargs() | {"industry_slug": slug}

    def get_template_names(self) -> list[str]:
        if self.get_form().chosen_industry is None:
            return ["identity/sign_up_industry.html"]
        return super().get_template_names()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"industries": selectors.industries()}

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            return super().form_valid(form)
        except InvalidInput as exc:
            for name, texts in exc.data.items():
                form.add_error(FIELD_OF[name], texts)
            return self.form_invalid(form)
        except AddressTaken:  # somebody took the address a moment ago
            form.account_already_exists = True
            return super().form_valid(form)


class ActivateTotpView(totp.ActivateTOTPView):
    """The secret as a QR code that the page draws itself: the policy allows no ``data:`` image."""

    template_name = "identity/totp_activate.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        size, path = qr_path(context["totp_url"])
        return context | {"qr_size": size, "qr_path": path}


class SecurityView(mfa.IndexView):
    """Password, second factors, passkeys and the devices that are signed in."""

    template_name = "identity/security.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        sessions = signed_in_devices(person=self.request.user)
        others = any(not one.is_current() for one in sessions)
        return super().get_context_data(**kwargs) | {"sessions": sessions, "has_others": others}


class SessionsView(usersessions.ListUserSessionsView):
    """POST signs every other device out."""

    http_method_names = ["post"]
    success_url = reverse_lazy("security")


@require_POST
@login_required
def end_session(request: HttpRequest, device_id: int) -> HttpResponse:
    """Sign one device out."""
    try:
        end_device(person=cast("User", request.user), device_id=device_id)
    except DomainError as exc:
        return error_page(request, exc)
    messages.success(request, "That device is signed out.")
    return redirect("security")


class EmailChangeView(account.EmailView):
    """Another address: it holds once its link was opened; until then the old one does."""

    template_name = "identity/email.html"
    success_url = reverse_lazy("email_change")


class RemovePasskeyView(webauthn.RemoveWebAuthnView):
    template_name = "identity/passkey_remove.html"
    success_url = reverse_lazy("security")


class RenamePasskeyView(webauthn.EditWebAuthnView):
    template_name = "identity/passkey_rename.html"
    success_url = reverse_lazy("security")


sign_in = account.LoginView.as_view(template_name="identity/sign_in.html")
sign_up = SignUpView.as_view()
sign_out = account.LogoutView.as_view(template_name="identity/sign_out.html")
inactive = account.AccountInactiveView.as_view(template_name="identity/inactive.html")
verification_sent = account.EmailVerificationSentView.as_view(
    template_name="identity/verification_sent.html"
)
verify_email = account.ConfirmEmailView.as_view(template_name="identity/verify_email.html")
reset_password = account.PasswordResetView.as_view(template_name="identity/password_reset.html")
reset_sent = account.PasswordResetDoneView.as_view(
    template_name="identity/password_reset_sent.html"
)
reset_from_key = account.PasswordResetFromKeyView.as_view(
    template_name="identity/password_reset_from_key.html"
)
reset_done = account.PasswordResetFromKeyDoneView.as_view(
    template_name="identity/password_reset_done.html"
)
change_password = account.PasswordChangeView.as_view(template_name="identity/password_change.html")
set_password = account.PasswordSetView.as_view(template_name="identity/password_set.html")
reauthenticate = account.ReauthenticateView.as_view(template_name="identity/reauthenticate.html")
authenticate = mfa.AuthenticateView.as_view(template_name="identity/second_factor.html")
reauthenticate_code = mfa.ReauthenticateView.as_view(
    template_name="identity/reauthenticate_code.html"
)
email_change = login_required(EmailChangeView.as_view())
security = SecurityView.as_view()
sessions = SessionsView.as_view()
activate_totp = ActivateTotpView.as_view()
deactivate_totp = totp.DeactivateTOTPView.as_view(template_name="identity/totp_deactivate.html")
recovery_codes = recovery.ViewRecoveryCodesView.as_view(
    template_name="identity/recovery_codes.html"
)
new_recovery_codes = recovery.GenerateRecoveryCodesView.as_view(
    template_name="identity/recovery_codes_new.html"
)
add_passkey = webauthn.AddWebAuthnView.as_view(template_name="identity/passkey_add.html")
remove_passkey = RemovePasskeyView.as_view()
rename_passkey = RenamePasskeyView.as_view()
passkey_sign_in = webauthn.LoginWebAuthnView.as_view()
reauthenticate_passkey = webauthn.ReauthenticateWebAuthnView.as_view(
    template_name="identity/reauthenticate_passkey.html"
)


def qr_path(text: str) -> tuple[int, str]:
    """The modules of a QR code: the side of the square, and the path of an SVG that fills it."""
    code = qrcode.QRCode(border=QUIET_ZONE)
    code.add_data(text)
    code.make(fit=True)
    matrix = code.get_matrix()
    dark = ((x, y) for y, row in enumerate(matrix) for x, is_dark in enumerate(row) if is_dark)
    return len(matrix), "".join(f"M{x} {y}h1v1h-1z" for x, y in dark)
