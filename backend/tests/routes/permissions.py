"""Who may do what: the weakest role by address and method. Kept by hand, checked by machine."""

from __future__ import annotations

PUBLIC, PERSON = "public", "any person"
VIEWER, EDITOR, ADMIN, OWNER = "viewer", "editor", "admin", "owner"
ENTRANCE, STAFF_ONLY = "entrance", "staff only"
A = "/api/v1/accounts/<account_id>/"

API: dict[str, dict[str, str]] = {
    "/api/v1/schema/": {"GET": PUBLIC},
    "/api/v1/accounts/": {"GET": PERSON},
    "/api/v1/credit-prices/": {"GET": PERSON},
    f"{A}sites/": {"GET": VIEWER, "POST": ADMIN},
    f"{A}sites/<pk>/": {"GET": VIEWER},
    f"{A}sectors/": {"GET": VIEWER},
    f"{A}sectors/<pk>/": {"GET": VIEWER},
    f"{A}members/": {"GET": VIEWER},
    f"{A}members/<pk>/": {"PATCH": ADMIN, "DELETE": ADMIN},
    f"{A}invitations/": {"GET": VIEWER, "POST": ADMIN},
    f"{A}invitations/<pk>/": {"DELETE": ADMIN},
    f"{A}credit-transactions/": {"GET": VIEWER},
    f"{A}credit-usage/": {"GET": VIEWER},
    f"{A}credit-usage/summary/": {"GET": VIEWER},
    f"{A}provider-settings/": {"GET": VIEWER, "POST": ADMIN},
    f"{A}provider-settings/<pk>/": {"GET": VIEWER, "PATCH": ADMIN, "DELETE": ADMIN},
    f"{A}provider-settings/<pk>/test/": {"POST": ADMIN},
    f"{A}ai-calls/": {"GET": VIEWER},
    f"{A}ai-calls/<pk>/": {"GET": VIEWER},
    f"{A}keywords/": {"GET": VIEWER, "POST": EDITOR},
    f"{A}keywords/<pk>/": {"GET": VIEWER, "PATCH": EDITOR, "DELETE": EDITOR},
    f"{A}keywords/<pk>/restore/": {"POST": EDITOR},
    f"{A}keywords/bulk-delete/": {"POST": EDITOR},
    f"{A}keywords/bulk-restore/": {"POST": EDITOR},
    f"{A}keywords/bulk-update/": {"POST": EDITOR},
    f"{A}clusters/": {"GET": VIEWER, "POST": EDITOR},
    f"{A}clusters/<pk>/": {"GET": VIEWER, "PATCH": EDITOR, "DELETE": EDITOR},
    f"{A}clusters/<pk>/restore/": {"POST": EDITOR},
    f"{A}clusters/bulk-delete/": {"POST": EDITOR},
    f"{A}clusters/bulk-restore/": {"POST": EDITOR},
    f"{A}clusters/run/": {"POST": EDITOR},
    f"{A}clusters/<pk>/keywords/": {"GET": VIEWER},
    f"{A}ideas/": {"GET": VIEWER, "POST": EDITOR},
    f"{A}ideas/<pk>/": {"GET": VIEWER, "PATCH": EDITOR, "DELETE": EDITOR},
    f"{A}ideas/<pk>/restore/": {"POST": EDITOR},
    f"{A}ideas/bulk-delete/": {"POST": EDITOR},
    f"{A}ideas/bulk-restore/": {"POST": EDITOR},
    f"{A}ideas/make/": {"POST": EDITOR},
    f"{A}keyword-imports/": {"GET": VIEWER},
    f"{A}keyword-imports/<pk>/": {"GET": VIEWER},
    f"{A}keyword-imports/<pk>/issues/": {"GET": VIEWER},
}

WEB: dict[str, dict[str, str]] = {
    "/healthz": {"GET": PUBLIC},
    "/readyz": {"GET": PUBLIC},
    "/sites/<site_id>/": {"GET": PUBLIC},
    "/sites/<site_id>/<path>": {"GET": PUBLIC},
    "/invitations/<token>/": {"GET": PUBLIC},
    "/verify/": {"GET": PUBLIC},
    "/verify/<key>/": {"GET": PUBLIC},
    "/password/reset/": {"GET": PUBLIC},
    "/password/reset/sent/": {"GET": PUBLIC},
    "/password/reset/done/": {"GET": PUBLIC},
    "/password/reset/<uidb36>-<key>/": {"GET": PUBLIC},
    "/sign-in/": {"GET": ENTRANCE},
    "/sign-in/inactive/": {"GET": PUBLIC},
    "/sign-in/passkey/": {"GET": ENTRANCE},
    "/sign-in/second-factor/": {"GET": ENTRANCE},
    "/sign-up/": {"GET": ENTRANCE},
    "/sign-out/": {"GET": PUBLIC},
    "/confirm/": {"GET": PERSON},
    "/confirm/code/": {"GET": PERSON},
    "/confirm/passkey/": {"GET": PERSON},
    "/settings/security/": {"GET": PERSON},
    "/settings/security/app/": {"GET": PERSON},
    "/settings/security/app/off/": {"GET": PERSON},
    "/settings/security/codes/": {"GET": PERSON},
    "/settings/security/codes/new/": {"GET": PERSON},
    "/settings/security/passkeys/": {"GET": PUBLIC},
    "/settings/security/passkeys/add/": {"GET": PERSON},
    "/settings/security/passkeys/<pk>/remove/": {"GET": PERSON},
    "/settings/security/passkeys/<pk>/rename/": {"GET": PERSON},
    "/settings/security/password/": {"GET": PERSON},
    "/settings/security/password/set/": {"GET": PERSON},
    "/settings/security/sessions/": {"GET": PERSON},
    "/settings/team/": {"GET": VIEWER},
    "/settings/team/invite/": {"POST": ADMIN},
    "/settings/team/<membership_id>/role/": {"POST": ADMIN},
    "/settings/team/<membership_id>/remove/": {"POST": ADMIN},
    "/settings/team/invitations/<invitation_id>/revoke/": {"POST": ADMIN},
    "/settings/api-keys/": {"GET": ADMIN, "POST": ADMIN},
    "/settings/api-keys/<key_id>/revoke/": {"POST": ADMIN},
    "/ops/act/": {"GET": STAFF_ONLY, "POST": STAFF_ONLY},
    "/ops/act/stop/": {"POST": PERSON},
    "/": {"GET": VIEWER},
    "/s/<site_id>/": {"GET": VIEWER},
}

IDS_IN_BODIES = 14
"""At least so many ids in bodies are tried; only to be raised."""

ROWS: dict[str, str] = {
    "account_id": "igny8_auth.Account",
    "site": "igny8_auth.Site",
    "site_id": "igny8_auth.Site",
    "sector": "igny8_auth.Sector",
    "cluster": "planning.Clusters",
    "keyword": "planning.Keywords",
    "membership_id": "igny8_auth.Membership",
    "invitation_id": "igny8_auth.Invitation",
    "key_id": "igny8_auth.ApiKey",
}
"""What an id in an address, a filter or a body is a key of; ``pk`` is of the view's own model."""

BODIES: dict[str, dict[str, object]] = {
    f"PATCH {A}members/<pk>/": {"role": "viewer"},
    "POST /settings/team/<membership_id>/role/": {"role": "viewer"},
}
"""What to send where the form is read before the row is looked for; else nothing is sent."""
