"""Where most screens are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache

from tests.make import billing as make_billing
from tests.make import planning as make_planning

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector


@pytest.fixture
def sector(db: None) -> Sector:
    """Of an account with credits; nothing is in the cache yet."""
    cache.clear()
    return make_planning.sector(make_billing.account_with(100))
