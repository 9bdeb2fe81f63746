"""What each kind of work item calls: the same services that a screen calls.

Services are named by their path and loaded at the first call: a worker's application adds kinds
before the models are there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import Model
from django.utils.module_loading import import_string

from igny8_core.ai.ports import ANY_TERMS, Terms
from igny8_core.common.errors import InvalidInput
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt at one item, as its handler sees it.

    :param fence: called first inside the transaction that stores the result.
    :param terms: under which its paid work runs: the run's limit, and whether it is still wanted.
    :param options: what was asked for beside the row: arguments of the service.
    """

    account: Account
    item_id: int
    related_type: str
    related_id: int
    attempt: int
    token: int
    fence: Callable[[], None]
    clock: Callable[[], datetime]
    terms: Terms = ANY_TERMS
    options: Mapping[str, Any] = field(default_factory=dict)


_BUSINESS = "igny8_core.business"


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of item is done.

    :param handler: does the work and returns the id of what it made, if anything.
    :param deadline_seconds: the lease is not extended beyond this; longer than the handler's own
        limits on its calls.
    :param operation: what its charges are logged under, about the item's related row; empty when
        it costs nothing.
    """

    handler: Callable[[Work], int | None]
    deadline_seconds: int
    operation: str = ""


def fenced(service: str, argument: str, *, is_paid: bool = False) -> Callable[[Work], int | None]:
    """A handler that calls a service with the related row's id and the fence.

    :param service: dotted path below the domains; loaded at the first call.
    :param argument: the keyword that takes the id.
    :param is_paid: the service asks models: it notes the lease in its journal of calls, and takes
        the terms of the work.
    """

    def handle(work: Work) -> int | None:
        arguments: dict[str, Any] = {argument: work.related_id}
        if is_paid:
            arguments |= {"lease_token": work.token, "terms": work.terms}
        made = import_string(f"{_BUSINESS}.{service}")(
            account=work.account, fence=work.fence, clock=work.clock, **arguments
        )
        return int(made.pk) if isinstance(made, Model) else None

    return handle


def for_sector(service: str, *, is_paid: bool = True) -> Callable[[Work], int | None]:
    """A handler for a service over a whole sector, which is safe to repeat without a fence.

    :param is_paid: the service takes the account's credits.
    """

    def handle(work: Work) -> int | None:
        sector_of = import_string("igny8_core.auth.selectors.sector")
        with tenant(work.account.pk):
            sector = sector_of(account=work.account, sector_id=work.related_id)
        arguments: dict[str, Any] = dict(work.options)
        if is_paid:
            credits_of = import_string(f"{_BUSINESS}.billing.services.ai_credits.AccountCredits")
            arguments["credits"] = credits_of(work.account, caps=work.terms.caps)
        made = import_string(f"{_BUSINESS}.{service}")(
            account=work.account, site=sector.site, sector=sector, clock=work.clock, **arguments
        )
        return int(made.pk) if isinstance(made, Model) else None

    return handle


def repeatable(
    service: str, argument: str, *, as_list: bool = False
) -> Callable[[Work], int | None]:
    """A handler for a short service on one row, which is safe to repeat without a fence.

    :param as_list: the service takes several ids.
    """

    def handle(work: Work) -> int | None:
        rows = [work.related_id] if as_list else work.related_id
        import_string(f"{_BUSINESS}.{service}")(
            account=work.account, **{argument: rows}, now=work.clock()
        )
        return None

    return handle


def publish_site(work: Work) -> int | None:
    """Deploy a site, then have its changes announced, if it wants that."""
    made = _DEPLOY(work)
    if made is not None:
        import_string(f"{_BUSINESS}.automation.services.asking.request_announcement")(
            account=work.account, deployment_id=made, now=work.clock()
        )
    return made


_DEPLOY = fenced("publishing.services.deploy_site.deploy_site", "site_id")

KINDS: dict[str, Kind] = {
    "planning.cluster": Kind(
        for_sector("planning.services.cluster_keywords.cluster_keywords"), 1800, "clustering"
    ),
    "planning.rebuild": Kind(
        for_sector("planning.services.recluster.propose_rebuild", is_paid=False), 1800
    ),
    "planning.ideas": Kind(
        for_sector("content.services.guard_ideas.make_guarded_ideas"), 900, "idea"
    ),
    "content.plan": Kind(
        repeatable("content.services.writing_tasks.create_writing_tasks", "idea_ids", as_list=True),
        60,
    ),
    "content.generate": Kind(
        fenced("content.services.generation.generate_content", "writing_task_id", is_paid=True),
        1800,
        "content",
    ),
    "content.plan_images": Kind(
        repeatable("content.services.images.plan_images", "content_ids", as_list=True), 60
    ),
    "image.generate": Kind(
        fenced("content.services.images.generate_image", "image_id", is_paid=True),
        600,
        "image",
    ),
    "content.submit": Kind(
        repeatable("publishing.services.hand_over.submit_content", "content_id"), 60
    ),
    "site.publish": Kind(publish_site, 900),
    "site.announce": Kind(
        repeatable("publishing.services.announce_site.announce_site", "deployment_id"), 300
    ),
    "site.preview": Kind(
        repeatable("publishing.services.preview_site.preview_site", "site_id"), 900
    ),
    "content.optimize": Kind(
        fenced(
            "optimization.services.optimize_content.optimize_content",
            "optimization_task_id",
            is_paid=True,
        ),
        1800,
        "optimization",
    ),
    "site.rollback": Kind(
        repeatable("publishing.services.rollback_site.roll_back_to", "deployment_id"), 300
    ),
}


def kind(name: str) -> Kind:
    """The entry of a kind.

    :raises InvalidInput: this release knows no such kind.
    """
    if name not in KINDS:
        raise InvalidInput("unknown kind of work", kind=name)
    return KINDS[name]
