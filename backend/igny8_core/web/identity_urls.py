"""Addresses of signing in, of a person's own security, of an account's people, of operators.

allauth looks its views up by name.
"""

from __future__ import annotations

from django.urls import path, re_path
from django.views.generic.base import RedirectView

from igny8_core.web.views import (
    account,
    acting,
    brand_voice,
    identity,
    invitations,
    operators,
    people,
    profile,
    site_settings,
)

ENTRANCE = [
    path("sign-in/", identity.sign_in, name="account_login"),
    path("sign-in/", identity.sign_in, name="sign_in"),
    path("sign-in/second-factor/", identity.authenticate, name="mfa_authenticate"),
    path("sign-in/passkey/", identity.passkey_sign_in, name="mfa_login_webauthn"),
    path("sign-in/inactive/", identity.inactive, name="account_inactive"),
    path("sign-out/", identity.sign_out, name="account_logout"),
    path("sign-out/", identity.sign_out, name="sign_out"),
    path("sign-up/", identity.sign_up, name="account_signup"),
    path("sign-up/", identity.sign_up, name="sign_up"),
    path("invitations/<str:token>/", invitations.accept_invitation, name="accept_invitation"),
    path("verify/", identity.verification_sent, name="account_email_verification_sent"),
    re_path(r"^verify/(?P<key>[-:\w]+)/$", identity.verify_email, name="account_confirm_email"),
    path("password/reset/", identity.reset_password, name="account_reset_password"),
    path("password/reset/sent/", identity.reset_sent, name="account_reset_password_done"),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        identity.reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/reset/done/", identity.reset_done, name="account_reset_password_from_key_done"),
    path("accounts/new/", profile.open_account, name="open_account"),
]
CONFIRM = [
    path("confirm/", identity.reauthenticate, name="account_reauthenticate"),
    path("confirm/code/", identity.reauthenticate_code, name="mfa_reauthenticate"),
    path("confirm/passkey/", identity.reauthenticate_passkey, name="mfa_reauthenticate_webauthn"),
]
SECURITY = [
    path("", identity.security, name="mfa_index"),
    path("", identity.security, name="security"),
    path("password/", identity.change_password, name="account_change_password"),
    path("password/set/", identity.set_password, name="account_set_password"),
    path("sessions/", identity.sessions, name="usersessions_list"),
    path("sessions/<int:device_id>/end/", identity.end_session, name="end_session"),
    path("app/", identity.activate_totp, name="mfa_activate_totp"),
    path("app/off/", identity.deactivate_totp, name="mfa_deactivate_totp"),
    path("codes/", identity.recovery_codes, name="mfa_view_recovery_codes"),
    path("codes/new/", identity.new_recovery_codes, name="mfa_generate_recovery_codes"),
    path("passkeys/", RedirectView.as_view(pattern_name="security"), name="mfa_list_webauthn"),
    path("passkeys/add/", identity.add_passkey, name="mfa_add_webauthn"),
    path("passkeys/<int:pk>/remove/", identity.remove_passkey, name="mfa_remove_webauthn"),
    path("passkeys/<int:pk>/rename/", identity.rename_passkey, name="mfa_edit_webauthn"),
]
PROFILE = [
    path("", profile.profile, name="profile"),
    path("email/", identity.email_change, name="account_email"),
    path("email/", identity.email_change, name="email_change"),
]
ACCOUNT = [
    path("account/", account.account, name="account"),
    path("account/save/", account.save_account, name="save_account"),
    path("account/leave/", account.leave, name="leave_account"),
    path("account/close/", account.close, name="close_account"),
    path("sites/", site_settings.site_list, name="site_list"),
    path("sites/new/", site_settings.new_site, name="new_site"),
    path("sites/<int:site_id>/", site_settings.edit_site, name="edit_site"),
    path("sites/<int:site_id>/voice/", brand_voice.brand_voice, name="brand_voice"),
    path("sites/<int:site_id>/rest/", site_settings.rest_site, name="rest_site"),
    path("sites/<int:site_id>/remove/", site_settings.remove_site, name="remove_site"),
    path("sites/<int:site_id>/sectors/", site_settings.add_sector, name="add_sector"),
    path(
        "sites/<int:site_id>/sectors/<int:sector_id>/",
        site_settings.change_sector,
        name="change_sector",
    ),
    path("team/", people.team, name="team"),
    path("team/invite/", people.invite, name="invite"),
    path("team/<int:membership_id>/role/", people.change_role, name="change_role"),
    path("team/<int:membership_id>/remove/", people.remove_member, name="remove_member"),
    path(
        "team/invitations/<int:invitation_id>/revoke/",
        people.revoke_invitation,
        name="revoke_invitation",
    ),
    path("api-keys/", people.keys, name="api_keys"),
    path("api-keys/<int:key_id>/revoke/", people.revoke_key, name="revoke_key"),
]
OPERATORS = [
    path("ops/act/", acting.act, name="act"),
    path("ops/act/stop/", acting.stop_acting, name="stop_acting"),
    path("ops/accounts/", operators.accounts, name="operate_accounts"),
]
