"""Screens without a browser: who asks, where, and what stands in the answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.test import Client
from django.urls import reverse
from lxml import html

from igny8_core.auth.states import Role
from tests import make

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

HTMX = {"HX-Request": "true"}


def client_of(sector: Sector, role: Role = Role.EDITOR) -> Client:
    """The browser of somebody who is signed in."""
    client = Client()
    client.force_login(make.member(sector.account, role))
    return client


def address(sector: Sector, name: str, **more: Any) -> str:
    """Of a screen of the sector."""
    return reverse(name, kwargs={"site_id": sector.site_id, "sector_id": sector.pk, **more})


def text_of(answer: Any) -> str:
    """What can be read, with single blanks."""
    return " ".join(" ".join(html.fromstring(answer.content.decode()).itertext()).split())


def undo_of(answer: Any) -> dict[str, Any]:
    """What the toast offers to take back."""
    found: dict[str, Any] = json.loads(answer["HX-Trigger"])["toast"]["undo"]
    return found
