"""Every model of the specification, at its path, with its fields and values; and the page on it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps

from igny8_core.auth.models import AccountBaseModel, SiteSectorBaseModel
from igny8_core.business.content.models import ContentAttribute, ContentAttributeMap
from igny8_core.common.soft_delete import SoftDeletableModel

TESTS = Path(__file__).parent
PAGE = TESTS.parent.parent / "docs" / "domains" / "specification.md"

GLOBAL = None
MODELS: dict[str, dict[str, tuple[Any, str]]] = {
    "auth": {
        "Account": (GLOBAL, "name status plan credits"),
        "Plan": (GLOBAL, "price_minor credits_per_period max_sites max_users max_keywords"),
        "Industry": (GLOBAL, "name slug"),
        "IndustrySector": (GLOBAL, "industry name slug"),
        "SeedKeyword": (GLOBAL, "keyword industry_sector"),
        "User": (GLOBAL, "email is_staff"),
        "Subscription": (AccountBaseModel, "plan status current_period_start current_period_end"),
        "Membership": (AccountBaseModel, "user role"),
        "Site": (AccountBaseModel, "name industry domain"),
        "Sector": (AccountBaseModel, "site industry_sector name"),
    },
    "business.planning": {
        "Clusters": (
            SiteSectorBaseModel,
            "name status keywords_count volume mapped_pages is_disabled deleted_at",
        ),
        "Keywords": (
            SiteSectorBaseModel,
            "seed_keyword volume difficulty attributes cluster status is_disabled deleted_at",
        ),
        "ContentIdeas": (
            SiteSectorBaseModel,
            "cluster keywords status content_type content_structure estimated_words deleted_at",
        ),
    },
    "business.content": {
        "Tasks": (
            SiteSectorBaseModel,
            "cluster idea taxonomy content_type content_structure keywords target_word_count"
            " status deleted_at",
        ),
        "Content": (
            SiteSectorBaseModel,
            "html word_count meta_title meta_description primary_keyword secondary_keywords cluster"
            " content_type content_structure taxonomies external_id external_url external_metadata"
            " sync_status source status deleted_at",
        ),
        "ContentTaxonomy": (
            AccountBaseModel,
            "site taxonomy_type external_taxonomy external_id sync_status description count"
            " metadata slug",
        ),
        "Images": (
            SiteSectorBaseModel,
            "content task image_type url path prompt status position deleted_at",
        ),
        "ContentClusterMap": (SiteSectorBaseModel, "content task cluster role source"),
        "ContentAttribute": (
            SiteSectorBaseModel,
            "content task cluster attribute_type external_id source metadata",
        ),
    },
    "business.automation": {
        "AutomationConfig": (
            AccountBaseModel,
            "site is_enabled frequency scheduled_time stage_1_batch_size stage_6_batch_size"
            " within_stage_delay_seconds between_stage_delay_seconds next_run_at last_run_at",
        ),
        "AutomationRun": (
            AccountBaseModel,
            "trigger status current_stage paused_at cancelled_at started_at ended_at"
            " total_credits_used stage_results error_message",
        ),
    },
    "business.billing": {
        "CreditTransaction": (AccountBaseModel, "type amount balance_after metadata"),
        "CreditUsageLog": (
            AccountBaseModel,
            "operation_type credits_used cost_usd_micros model prompt_tokens completion_tokens"
            " related_type related_id metadata",
        ),
        "CreditCostConfig": (
            GLOBAL,
            "operation_type unit credits_per_unit display_name description is_active created_by"
            " updated_by previous_credits_per_unit",
        ),
        "Invoice": (
            AccountBaseModel,
            "status subscription line_items payment_metadata stripe_invoice_id notes"
            " subtotal_amount tax_amount total_amount billing_period_start billing_period_end"
            " paid_date invoice_date",
        ),
        "Payment": (
            AccountBaseModel,
            "invoice status payment_method provider_ref manual_notes approved_by approved_at"
            " failure_reason metadata",
        ),
        "CreditPackage": (
            GLOBAL,
            "credits price_minor discount_bp stripe_product_id stripe_price_id paypal_product_id"
            " is_active is_featured description features sort_order",
        ),
        "PaymentMethodConfig": (
            GLOBAL,
            "country_code payment_method is_enabled display_name instructions bank_name"
            " wallet_type wallet_id",
        ),
        "AccountPaymentMethod": (
            AccountBaseModel,
            "type display_name is_default is_enabled is_verified country_code instructions"
            " metadata",
        ),
    },
    "business.integration": {
        "SiteIntegration": (
            AccountBaseModel,
            "site platform platform_type config credentials is_active is_sync_enabled sync_status"
            " last_sync_at sync_error created_at updated_at",
        ),
        "SyncEvent": (
            AccountBaseModel,
            "integration site event_type action success content external_id details error"
            " duration_ms created_at",
        ),
    },
    "business.publishing": {
        "PublishingRecord": (
            SiteSectorBaseModel,
            "content destination destination_id destination_url status published_at error metadata",
        ),
        "DeploymentRecord": (
            SiteSectorBaseModel,
            "version deployed_version status deployment_url error metadata deployed_at",
        ),
    },
    "business.optimization": {
        "OptimizationTask": (
            AccountBaseModel,
            "content scores_before scores_after html_before html_after status credits_used"
            " metadata",
        ),
    },
}

CHOICES = {
    "Clusters.status": "new mapped",
    "Keywords.status": "new mapped",
    "ContentIdeas.status": "new queued completed",
    "Tasks.status": "queued completed",
    "Content.status": "draft review published",
    "Content.source": "igny8 wordpress",
    "ContentTaxonomy.taxonomy_type": "category tag",
    "ContentClusterMap.role": "hub supporting attribute",
    "ContentClusterMap.source": "blueprint manual import",
    "ContentAttribute.attribute_type": "product_spec service_modifier semantic_facet",
    "AutomationConfig.frequency": "daily weekly monthly",
    "AutomationRun.trigger": "manual scheduled",
    "AutomationRun.status": "running paused cancelled completed failed",
    "CreditCostConfig.unit": "per_request per_words per_items per_images",
    "Invoice.status": "draft pending paid void uncollectible",
    "Payment.status": "pending processing succeeded completed failed refunded cancelled",
    "Payment.payment_method": "stripe paypal bank_transfer local_wallet manual",
    "SiteIntegration.platform": "wordpress shopify custom",
    "SiteIntegration.platform_type": "cms ecommerce custom_api",
    "PublishingRecord.destination": "wordpress sites shopify custom",
    "PublishingRecord.status": "pending publishing published failed",
    "DeploymentRecord.status": "pending deploying deployed failed rolled_back",
    "OptimizationTask.status": "pending running completed failed",
    "Membership.role": "owner admin editor viewer",
}
AT_LEAST = {
    "CreditTransaction.type": "purchase subscription refund deduction adjustment",
    "CreditUsageLog.operation_type": "clustering idea content image reparse",
}
SOFT = {"Keywords", "Clusters", "ContentIdeas", "Tasks", "Content", "Images"}


def model(name: str) -> Any:
    package = next(place for place, entries in MODELS.items() if name in entries)
    return getattr(importlib.import_module(f"igny8_core.{package}.models"), name)


def choices(place: str) -> set[str]:
    name, field = place.split(".")
    return {str(value) for value, _ in model(name)._meta.get_field(field).choices}


@pytest.mark.parametrize("name", [name for entries in MODELS.values() for name in entries])
def test_every_model_stands_where_the_specification_says(name: str) -> None:
    base, fields = next(entries[name] for entries in MODELS.values() if name in entries)
    found = model(name)

    assert apps.get_model(found._meta.label) is found
    assert base is None or issubclass(found, base)
    own = {f.name for f in found._meta.get_fields()} | set(vars(found))
    assert set(fields.split()) - own == set()


@pytest.mark.parametrize("place", CHOICES)
def test_every_choice_is_the_specifications(place: str) -> None:
    assert choices(place) == set(CHOICES[place].split())


@pytest.mark.parametrize("place", AT_LEAST)
def test_open_vocabularies_hold_what_the_specification_names(place: str) -> None:
    assert set(AT_LEAST[place].split()) <= choices(place)


def test_content_attribute_map_is_another_name() -> None:
    assert ContentAttributeMap is ContentAttribute


def test_what_can_be_deleted_and_restored() -> None:
    assert {m.__name__ for m in apps.get_models() if issubclass(m, SoftDeletableModel)} == SOFT


def rows() -> list[tuple[str, str, str]]:
    """(sentence, held by, test) of every row of the page."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [line.strip("|").split("|") for line in lines if line.startswith("| ")]
    found = [(a.strip(), b.strip(), c.strip()) for a, b, c in cells]
    return [row for row in found if row[0] not in {"sentence", "---"}]


def test_the_page_names_constraints_that_exist() -> None:
    known = {
        named.name
        for m in apps.get_models()
        for named in [*m._meta.constraints, *m._meta.indexes]
        if m.__module__.startswith("igny8_core.")
    }
    named = {name for _, held, _ in rows() for name in re.findall(r"`([a-z0-9_]+)`", held)}

    assert named - known == set()
    assert len(named) > 100


def test_the_page_names_tests_that_exist() -> None:
    references = {name for *_, test in rows() for name in re.findall(r"`([^`]+)`", test)}
    missing = set()
    for reference in references:
        path, name = reference.split("::")
        text = (TESTS / path).read_text(encoding="utf-8") if (TESTS / path).exists() else ""
        if f"def {name}(" not in text:
            missing.add(reference)

    assert missing == set()
    assert all("`" in test for *_, test in rows())
