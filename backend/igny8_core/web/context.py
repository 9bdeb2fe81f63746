"""What every page of ours may show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from igny8_core.auth.access.entrance import impersonation_of

if TYPE_CHECKING:
    from django.http import HttpRequest


def impersonation(request: HttpRequest) -> dict[str, Any]:
    """The impersonation that runs, for the banner; found only if the page asks."""
    return {
        "impersonation": SimpleLazyObject(lambda: impersonation_of(request, now=timezone.now()))
    }
