"""What of an account travels: every tenant model is in one of three tables, or CI fails.

* :data:`PORTABLE`: exported, and made again by an import, with new ids.
* :data:`HISTORY`: what happened. Exported for reading, kept beside an imported account, and never
  made again: the ledger and the trails are written by the database's functions alone.
* :data:`LEFT_OUT`: secrets, and what means nothing elsewhere. The manifest says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps

from igny8_core.transfer import rewrites

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from igny8_core.transfer.ids import Ids

    Row = dict[str, Any]

ACCOUNT: Final = "igny8_auth.Account"
USER: Final = "igny8_auth.User"
SEED: Final = "igny8_auth.SeedKeyword"
KEYWORD_IMPORT: Final = "planning.KeywordImport"


@dataclass(frozen=True)
class Portable:
    """How the rows of a model travel.

    :ivar omit: columns that are left out; an import gives them their default.
    :ivar why: why they are left out, for the manifest.
    :ivar where: SQL condition of the rows that travel; the others are history.
    :ivar keys: columns that hold a key without being a relation, and what it is a key of.
    :ivar needs: columns without which a row is dropped: a person who is not here.
    :ivar settle: brings a row to rest that was on its way when it was exported.
    :ivar rewrite: translates ids inside of JSON, HTML and paths.
    :ivar later: columns that name rows of this same model: written when all of them have an id,
        for the rows that ``is_later`` picks.
    :ivar files: paths of the row's files, by the storage they are in.
    """

    omit: frozenset[str] = frozenset()
    why: str = ""
    where: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    settle: Callable[[Row], None] | None = None
    rewrite: Callable[[Row, Ids], None] | None = None
    later: tuple[str, ...] = ()
    is_later: Callable[[Row], bool] | None = None
    files: Callable[[Row], list[tuple[str, str]]] | None = None


PORTABLE: Final[dict[str, Portable]] = {
    "igny8_auth.Membership": Portable(needs=frozenset({"user_id"})),
    "igny8_auth.Site": Portable(),
    "igny8_auth.Sector": Portable(),
    "planning.KeywordImport": Portable(
        settle=rewrites.settle_keyword_import,
        rewrite=rewrites.keyword_import,
        files=rewrites.files_of_keyword_import,
        omit=frozenset({"rows_path"}),
        why="rows that wait to be written",
    ),
    "planning.KeywordImportIssue": Portable(),
    "planning.KeywordMapping": Portable(),
    "planning.Clusters": Portable(keys={"import_id": KEYWORD_IMPORT}),
    "planning.SavedView": Portable(needs=frozenset({"owner_id"}), rewrite=rewrites.saved_view),
    "planning.Keywords": Portable(
        keys={"first_import_id": KEYWORD_IMPORT}, rewrite=rewrites.keyword
    ),
    "planning.ContentIdeas": Portable(
        omit=frozenset(
            {
                "overlap",
                "overlap_reason",
                "overlap_matches",
                "overlap_checked_at",
                "overridden_by",
            }
        ),
        why="what ideas overlap with is compared again",
    ),
    "planning.ContentIdeaKeyword": Portable(),
    "content.ContentTaxonomy": Portable(),
    "content.Tasks": Portable(),
    "content.Content": Portable(
        omit=frozenset({"score", "scored_version", "scored_at"}),
        why="scores are made again",
        keys={"approved_by_id": USER},
        rewrite=rewrites.content,
        later=("blocks", "html"),
        is_later=rewrites.names_articles,
    ),
    "content.ContentTaxonomyLink": Portable(),
    "content.SitePage": Portable(),
    "content.ContentVersion": Portable(keys={"editor_id": USER}, rewrite=rewrites.content_version),
    "content.ContentComment": Portable(keys={"author_id": USER, "resolved_by_id": USER}),
    "content.SerpSample": Portable(),
    "content.ContentVerdict": Portable(
        omit=frozenset({"actor"}),
        why="keys and programs of this installation are unknown elsewhere",
        keys={"decided_by_id": USER},
    ),
    "content.Images": Portable(rewrite=rewrites.image, files=rewrites.files_of_image),
    "content.ContentClusterMap": Portable(),
    "content.ContentAttribute": Portable(),
    "integration.SiteIntegration": Portable(
        omit=frozenset(
            {
                "credentials",
                "webhook_secrets",
                "hook_id",
                "capabilities",
                "check_requested_at",
                "check_report",
                "sync_state",
                "lease_token",
                "lease_expires_at",
                "failures",
            }
        ),
        why="credentials: connect the platform again",
        settle=rewrites.settle_integration,
    ),
    "integration.ExternalItem": Portable(),
    "publishing.PublishingRecord": Portable(
        where="destination <> 'sites' AND status IN ('published', 'failed')",
        rewrite=rewrites.publishing_record,
    ),
    "optimization.OptimizationTask": Portable(
        settle=rewrites.settle_optimization, rewrite=rewrites.optimization
    ),
    "automation.AutomationConfig": Portable(settle=rewrites.settle_automation),
}

HISTORY: Final[dict[str, frozenset[str]]] = {
    "igny8_auth.Subscription": frozenset(),
    "igny8_auth.StatusChange": frozenset(),
    "igny8_auth.Impersonation": frozenset(),
    "billing.CreditWallet": frozenset(),
    "billing.CreditTransaction": frozenset(),
    "billing.CreditLot": frozenset(),
    "billing.CreditReservation": frozenset(),
    "billing.CreditReservationLot": frozenset(),
    "billing.CreditTransactionLot": frozenset(),
    "billing.CreditUsageLog": frozenset(),
    "billing.CreditAdjustment": frozenset(),
    "billing.CreditWarning": frozenset(),
    "billing.SubscriptionPeriod": frozenset(),
    "billing.Invoice": frozenset(),
    "billing.Payment": frozenset({"proof_file"}),
    "billing.BillingProfile": frozenset(),
    "billing.CreditNote": frozenset(),
    "billing.InvoiceLine": frozenset(),
    "billing.InvoiceTax": frozenset(),
    "billing.Refund": frozenset(),
    "billing.Dispute": frozenset(),
    "billing.AccountPaymentMethod": frozenset({"provider_ref"}),
    "billing.DunningNotice": frozenset(),
    "billing.PeriodPrice": frozenset(),
    "content.ContentScore": frozenset(),
    "integration.SyncEvent": frozenset(),
    "integration.ContentImport": frozenset({"storage_path"}),
    "integration.ContentImportIssue": frozenset(),
    "publishing.DeploymentRecord": frozenset(),
    "automation.AutomationRun": frozenset(),
    "automation.AutomationStage": frozenset(),
    "automation.RunEvent": frozenset(),
    "planning.ClusterEdit": frozenset(),
}
"""By model, the columns that are not exported."""

LEFT_OUT: Final[dict[str, str]] = {
    "igny8_auth.ApiKey": "API keys: the hashes of secrets open nothing elsewhere; make new ones",
    "igny8_auth.Invitation": "open invitations: their links lead to this installation; ask again",
    "billing.ProviderCustomer": "the account at a payment provider: it belongs to this seller",
    "igny8_auth.IdempotentRequest": "answers to requests, kept for a day",
    "ai.AiCall": "raw answers of providers; what they cost is in the usage log",
    "ai.AiPicture": "pictures of calls whose work was not stored",
    "ai.ProviderSetting": "the account's own providers: their sealed keys open nowhere else",
    "automation.WebhookAttempt": "how webhooks of this installation went",
    "automation.WebhookDelivery": "how webhooks of this installation went",
    "automation.WebhookEndpoint": "webhook addresses: their sealed secrets open nowhere else",
    "automation.WorkItem": "work in flight; start it again",
    "content.ContentFingerprint": "what near-duplicates are told by; it is made again",
    "integration.ConnectRequest": "open ways to connect a site: ask again",
    "integration.InboundWebhook": "messages of sites, kept for a while against doubles",
    "billing.ReservationResult": "raw answers of providers",
    "planning.ClusterBuild": "what clustering remembers between runs; it is made again",
    "planning.ClusterProposal": "proposals that are made again",
    "planning.ClusterChange": "proposals that are made again",
    "planning.KeywordImportChange": "what undoing an import needs; an import stays as it is",
}
"""By model, why nothing of it is exported."""

ALSO_LEFT_OUT: Final[dict[str, str]] = {
    "passwords, second factors, sessions": "they belong to people, not to the account",
    "releases of static sites": "they are built again from the content: deploy the site",
}

REFERENCES: Final[dict[str, tuple[str, ...]]] = {
    "igny8_auth.Industry": ("slug",),
    "igny8_auth.IndustrySector": ("industry_id", "slug"),
    "igny8_auth.SeedKeyword": ("industry_sector_id", "language", "keyword_norm", "keyword"),
    "igny8_auth.User": ("email", "name"),
}
"""Rows of no account that portable ones refer to: the columns that say which they are."""


def model_of(label: str) -> Any:
    """The model of a label.

    :raises LookupError: there is none.
    """
    return apps.get_model(label)


@cache
def portable() -> dict[str, Portable]:
    """Portable models of this installation, parents before children."""
    found = {label: entry for label, entry in PORTABLE.items() if _is_here(label)}
    ordered: dict[str, Portable] = {}

    def add(label: str) -> None:
        for target in sorted(set(relations(label).values()) - {label}):
            if target in found and target not in ordered:
                add(target)
        ordered.setdefault(label, found[label])

    for label in found:
        add(label)
    return ordered


@cache
def history() -> dict[str, frozenset[str]]:
    """Models of this installation that are exported for reading, and their hidden columns."""
    rests = {label for label, entry in PORTABLE.items() if entry.where}
    return {
        label: HISTORY.get(label, frozenset()) for label in [*HISTORY, *rests] if _is_here(label)
    }


@cache
def left_out() -> dict[str, str]:
    """Models of this installation of which nothing is exported, and why."""
    return {label: why for label, why in LEFT_OUT.items() if _is_here(label)}


@cache
def relations(label: str) -> dict[str, str]:
    """Column to the model that it holds a key of; the account's own column is left out."""
    found = {
        one.column: one.related_model._meta.label
        for one in model_of(label)._meta.concrete_fields
        if one.is_relation
    }
    columns = {one.column for one in model_of(label)._meta.concrete_fields}
    keys = {name: to for name, to in PORTABLE[label].keys.items() if name in columns}
    return {name: to for name, to in (found | keys).items() if to != ACCOUNT}


@cache
def columns(label: str) -> tuple[str, ...]:
    """The columns of a portable model that travel."""
    left = {"account_id", *PORTABLE[label].omit}
    fields = model_of(label)._meta.concrete_fields
    return tuple(one.column for one in fields if not one.generated and one.column not in left)


def _is_here(label: str) -> bool:
    try:
        model_of(label)
    except LookupError:
        return False
    return True
