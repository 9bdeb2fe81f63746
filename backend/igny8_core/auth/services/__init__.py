"""Accounts, people and sites, written: one module for each use case."""

from igny8_core.auth.services.accounts import (
    close_account,
    reactivate_account,
    suspend_account,
    update_account,
)
from igny8_core.auth.services.opening import open_account, open_own_account, sign_up
from igny8_core.auth.services.people import mark_verified, rename_person, set_password
from igny8_core.auth.services.reference_data import load_reference_data
from igny8_core.auth.services.sites import (
    add_sector,
    change_site_settings,
    create_site,
    delete_site,
    note_setup,
    rename_sector,
    set_sector_active,
    set_site_active,
    setup_of,
    update_site,
)

__all__ = [
    "add_sector",
    "change_site_settings",
    "close_account",
    "create_site",
    "delete_site",
    "load_reference_data",
    "mark_verified",
    "note_setup",
    "open_account",
    "open_own_account",
    "reactivate_account",
    "rename_person",
    "rename_sector",
    "set_password",
    "set_sector_active",
    "set_site_active",
    "setup_of",
    "sign_up",
    "suspend_account",
    "update_account",
    "update_site",
]
