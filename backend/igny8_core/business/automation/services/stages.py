"""What each kind of work item calls: the same services that a screen calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Model
from django.utils.module_loading import import_string

from igny8_core.common.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from igny8_core.auth.models import Account


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt at one item, as its handler sees it.

    :param fence: called first inside the transaction that stores the result.
    """

    account: Account
    item_id: int
    related_type: str
    related_id: int
    attempt: int
    fence: Callable[[], None]
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of item is done.

    :param handler: does the work and returns the id of what it made, if anything.
    :param deadline_seconds: the lease is not extended beyond this; longer than the handler's own
        limits on its calls.
    """

    handler: Callable[[Work], int | None]
    deadline_seconds: int


def calling(service: str, argument: str) -> Callable[[Work], int | None]:
    """A handler that calls a fenced service with the related row's id.

    :param service: dotted path; loaded at the first call, so that starting stays cheap.
    :param argument: the keyword that takes the id.
    """

    def handle(work: Work) -> int | None:
        function: Callable[..., Any] = import_string(service)
        made = function(
            account=work.account,
            **{argument: work.related_id},
            fence=work.fence,
            clock=work.clock,
        )
        return int(made.pk) if isinstance(made, Model) else None

    return handle


_CONTENT = "igny8_core.business.content.services"
_PUBLISHING = "igny8_core.business.publishing.services"

KINDS: dict[str, Kind] = {
    "content.generate": Kind(
        calling(f"{_CONTENT}.generation.generate_content", "writing_task_id"),
        deadline_seconds=900,
    ),
    "image.generate": Kind(
        calling(f"{_CONTENT}.images.generate_image", "image_id"), deadline_seconds=300
    ),
    "site.publish": Kind(
        calling(f"{_PUBLISHING}.deploy_site.deploy_site", "site_id"), deadline_seconds=900
    ),
}


def kind(name: str) -> Kind:
    """The entry of a kind.

    :raises InvalidInput: this release knows no such kind.
    """
    if name not in KINDS:
        raise InvalidInput("unknown kind of work", kind=name)
    return KINDS[name]
