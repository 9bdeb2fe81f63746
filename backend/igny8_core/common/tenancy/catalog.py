"""Tables without a tenant: each with its reason and what the roles may do with it.

Every table either carries a ``TenantPolicy`` or stands here, or the catalogue lint fails. Our
``migrate`` applies the privileges after the migrations.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connections

from igny8_core.common.tenancy.constraints import APP_ROLE, STAFF_ROLE


@dataclass(frozen=True)
class GlobalTable:
    """A table of no account.

    :param app: privileges of the runtime role, as PostgreSQL writes them; may be empty.
    :param staff: privileges of the staff role.
    """

    reason: str
    app: str = "SELECT"
    staff: str = "SELECT"


_ALL = "SELECT, INSERT, UPDATE, DELETE"
_REFERENCE = "reference data, the same for every account"

GLOBAL_TABLES: dict[str, GlobalTable] = {
    "django_migrations": GlobalTable("Django's own; the owner writes it", app="SELECT"),
    "django_content_type": GlobalTable("names of models"),
    "django_session": GlobalTable(
        "sign-in happens before the account is known", app=_ALL, staff=_ALL
    ),
    "django_admin_log": GlobalTable(
        "what operators did in the admin", app="", staff="SELECT, INSERT"
    ),
    "auth_permission": GlobalTable("names of permissions"),
    "auth_group": GlobalTable("operators' groups", staff=_ALL),
    "auth_group_permissions": GlobalTable("operators' groups", staff=_ALL),
    "igny8_auth_user": GlobalTable(
        "a person may belong to several accounts", app="SELECT, INSERT, UPDATE", staff=_ALL
    ),
    "account_emailaddress": GlobalTable(
        "addresses of people, who may belong to several accounts", app=_ALL, staff=_ALL
    ),
    "account_emailconfirmation": GlobalTable(
        "allauth's own; our links are signed and leave no row", app="", staff=""
    ),
    "mfa_authenticator": GlobalTable(
        "second factors of people; asked for before the account is known", app=_ALL, staff=""
    ),
    "usersessions_usersession": GlobalTable("where people are signed in", app=_ALL, staff=""),
    "igny8_auth_user_groups": GlobalTable("operators' groups", staff=_ALL),
    "igny8_auth_user_user_permissions": GlobalTable("operators' permissions", staff=_ALL),
    "igny8_auth_industry": GlobalTable(_REFERENCE, staff=_ALL),
    "igny8_auth_industrysector": GlobalTable(_REFERENCE, staff=_ALL),
    "igny8_auth_seedkeyword": GlobalTable(
        "normalised keyword texts, never a tenant's figures", app="SELECT, INSERT", staff=_ALL
    ),
    "igny8_auth_plan": GlobalTable(_REFERENCE, staff=_ALL),
    "billing_creditcostconfig": GlobalTable(
        "prices, the same for every account", staff="SELECT, INSERT, UPDATE"
    ),
    "billing_creditpackage": GlobalTable(_REFERENCE, staff=_ALL),
    "billing_paymentmethodconfig": GlobalTable(_REFERENCE, staff=_ALL),
    "billing_sellerentity": GlobalTable("who sells, the same for every account", staff=_ALL),
    "billing_taxrule": GlobalTable("what buyers of a country are taxed", staff=_ALL),
    "billing_paymentwebhook": GlobalTable(
        "arrives before its account is known; the staff role alone reads and writes it",
        app="",
        staff="SELECT, INSERT, UPDATE",
    ),
    "billing_reconcilecursor": GlobalTable(
        "how far a provider's events were read", app="", staff="SELECT, INSERT, UPDATE"
    ),
    "billing_invoiceseries": GlobalTable(
        "numbers of documents run through all accounts; a trigger lets them go up by one only",
        app="SELECT, INSERT, UPDATE",
    ),
    "automation_workernode": GlobalTable("a worker serves every account", staff=_ALL),
    "automation_workclass": GlobalTable("slots and contention of a queue", staff=_ALL),
    "automation_periodicjob": GlobalTable("when the ticker's jobs are due", staff=_ALL),
}

DEFINER_FUNCTIONS: dict[str, str] = {
    "memberships_of(bigint)": "sign-in: the accounts of a person, before one is chosen",
    "account_of_site(bigint)": "commands and static sites name a site; returns the account's id",
    "invitation_account(text)": "an invitation's link, before the account is known: an unguessable"
    " token's hash in, the account's id out",
    "api_key_of(bigint,text,text)": "a request with an API key, before its account's block: whether"
    " the account has the key and the hash is right; no hash comes out",
    "end_impersonation(bigint,timestamp with time zone)": "the only writer of the end of an"
    " impersonation; refuses an account other than the tenant's",
    **dict.fromkeys(
        (
            "ledger.grant_credits(bigint,text,text,bigint,integer,timestamp with time zone,"
            "timestamp with time zone,jsonb,bigint,bigint,bigint)",
            "ledger.reserve(bigint,text,text,bigint,interval,text,text,bigint,jsonb,"
            "timestamp with time zone)",
            "ledger.extend(bigint,bigint,bigint,integer,timestamp with time zone)",
            "ledger.take_over(bigint,bigint,interval,timestamp with time zone)",
            "ledger.capture(bigint,bigint,bigint,integer,timestamp with time zone)",
            "ledger.release(bigint,bigint,integer,timestamp with time zone)",
            "ledger.expire(bigint,bigint,timestamp with time zone)",
            "ledger.expire_lots(bigint,timestamp with time zone)",
            "ledger.close_lot(bigint,bigint,timestamp with time zone)",
            "ledger.revoke_lot(bigint,bigint,text,text,bigint,timestamp with time zone,bigint)",
            "ledger.set_block(bigint,text,boolean,timestamp with time zone)",
        ),
        "the only writers of the credit tables; each refuses an account other than the tenant's",
    ),
}
"""SECURITY DEFINER functions that the runtime role may call, and why each may see more."""

DEFERRED_KEYS: dict[str, str] = {
    "creditwallet_head": "the wallet and its newest ledger row are written one after the other",
}
"""Foreign keys between tenant tables that are checked at COMMIT, and why."""

UNIQUE_WITHOUT_ACCOUNT: dict[str, str] = {
    "payment_provider_ref": "the provider owns the identity; a second account must not claim it",
    "invoice_series_no": "a series of numbers belongs to the seller and runs through all accounts",
    "creditnote_number": "a series of numbers belongs to the seller and runs through all accounts",
}
"""Unique indexes of tenant tables that do not start with the account, and why."""


KEYS_WITHOUT_ACCOUNT: dict[str, str] = {
    "invoice_number_chain": "each number follows the one before it, whoever has that: no gap",
    "creditnote_number_chain": "each number follows the one before it, whoever has that: no gap",
}
"""Foreign keys between tenant rows of any account, and why. They tell nothing but a number."""


def apply_global_privileges(using: str) -> None:
    """Give the roles exactly what :data:`GLOBAL_TABLES` says, on the tables that exist."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace AND relname = ANY(%s)",
            [list(GLOBAL_TABLES)],
        )
        for (table,) in cursor.fetchall():
            quoted = connections[using].ops.quote_name(table)
            entry = GLOBAL_TABLES[table]
            cursor.execute(f"REVOKE ALL ON {quoted} FROM {APP_ROLE}, {STAFF_ROLE}")
            for role, privileges in ((APP_ROLE, entry.app), (STAFF_ROLE, entry.staff)):
                if privileges:
                    cursor.execute(f"GRANT {privileges} ON {quoted} TO {role}")
