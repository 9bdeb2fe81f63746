"""Addresses of the API: everything of an account stands below the account's id."""

from __future__ import annotations

from django.urls import include, path, register_converter
from django.urls.converters import IntConverter
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from igny8_core.api.v1 import (
    accounts,
    ai,
    automation,
    billing,
    checkout,
    credit,
    integration,
    invoices,
    optimization,
    pages,
    people,
    publishing,
    reference,
    runs,
    static_sites,
    subscriptions,
    usage,
    webhooks,
)
from igny8_core.api.v1.content import (
    comments,
    contents,
    images,
    links,
    scores,
    serp_samples,
    taxonomies,
    versions,
    writing_tasks,
)
from igny8_core.api.v1.planning import (
    acts,
    cluster_acts,
    edits,
    idea_acts,
    imports,
    proposals,
    views,
)
from igny8_core.api.v1.planning import sectors as planned_sectors


class KeyConverter(IntConverter):
    """A key that fits into a bigint; anything longer is no address."""

    regex = "[0-9]{1,18}"


register_converter(KeyConverter, "key")

account = accounts.AccountViewSet.as_view
router = SimpleRouter()
router.register("sites", accounts.SiteViewSet, "api-site")
router.register("sectors", accounts.SectorViewSet, "api-sector")
router.register("members", people.MemberViewSet, "api-member")
router.register("invitations", people.InvitationViewSet, "api-invitation")
router.register("api-keys", people.ApiKeyViewSet, "api-key")
router.register("status-changes", people.StatusChangeViewSet, "api-status-change")
router.register("impersonations", people.ImpersonationViewSet, "api-impersonation")
router.register("provider-settings", ai.ProviderSettingViewSet, "api-provider-setting")
router.register("ai-calls", ai.AiCallViewSet, "api-ai-call")
router.register("writing-tasks", writing_tasks.WritingTaskViewSet, "api-writing-task")
router.register("contents", contents.ContentViewSet, "api-content")
router.register("content-comments", comments.CommentViewSet, "api-content-comment")
router.register("content-versions", versions.ContentVersionViewSet, "api-content-version")
router.register("content-scores", scores.ContentScoreViewSet, "api-content-score")
router.register("serp-samples", serp_samples.SerpSampleViewSet, "api-serp-sample")
router.register("images", images.ImageViewSet, "api-image")
router.register("taxonomies", taxonomies.TaxonomyViewSet, "api-taxonomy")
router.register("cluster-maps", links.ClusterMapViewSet, "api-cluster-map")
router.register("attributes", links.AttributeViewSet, "api-attribute")
router.register("optimization-tasks", optimization.OptimizationTaskViewSet, "api-optimization-task")
router.register("sectors", planned_sectors.SectorPlanViewSet, "api-sector-plan")
router.register("keywords", acts.KeywordActViewSet, "api-keyword")
router.register("clusters", cluster_acts.ClusterActViewSet, "api-cluster")
router.register("cluster-edits", edits.ClusterEditViewSet, "api-cluster-edit")
router.register("cluster-proposals", proposals.ProposalViewSet, "api-cluster-proposal")
router.register("ideas", idea_acts.IdeaActViewSet, "api-idea")
router.register("keyword-imports", imports.KeywordImportViewSet, "api-keyword-import")
router.register("page-imports", pages.PageImportViewSet, "api-page-import")
router.register("site-pages", pages.SitePageViewSet, "api-site-page")
router.register("saved-views", views.SavedViewViewSet, "api-saved-view")
router.register("credit-transactions", credit.CreditTransactionViewSet, "api-credit-transaction")
router.register("credit-usage", usage.CreditUsageViewSet, "api-credit-usage")
router.register("credit-lots", credit.CreditLotViewSet, "api-credit-lot")
router.register("credit-reservations", credit.CreditReservationViewSet, "api-credit-reservation")
router.register("credit-warnings", credit.CreditWarningViewSet, "api-credit-warning")
router.register("credit-estimates", usage.CreditEstimateViewSet, "api-credit-estimate")
router.register("withheld-results", credit.WithheldResultViewSet, "api-withheld-result")
router.register("subscriptions", subscriptions.SubscriptionViewSet, "api-subscription")
router.register("subscription-periods", subscriptions.SubscriptionPeriodViewSet, "api-period")
router.register("invoices", invoices.InvoiceViewSet, "api-invoice")
router.register("checkouts", checkout.CheckoutViewSet, "api-checkout")
router.register("refunds", checkout.RefundViewSet, "api-refund")
router.register("credit-notes", checkout.CreditNoteViewSet, "api-credit-note")
router.register("payments", invoices.PaymentViewSet, "api-payment")
router.register("payment-methods", billing.PaymentMethodViewSet, "api-payment-method")
router.register("payment-options", billing.PaymentOptionViewSet, "api-payment-option")
router.register("automation-configs", automation.AutomationConfigViewSet, "api-automation-config")
router.register("automation-runs", runs.AutomationRunViewSet, "api-automation-run")
router.register("deployments", publishing.DeploymentViewSet, "api-deployment")
router.register("external-items", integration.ExternalItemViewSet, "api-external-item")
router.register("static-sites", static_sites.StaticSiteViewSet, "api-static-site")
router.register("integrations", integration.IntegrationViewSet, "api-integration")
router.register("publishing-records", publishing.PublishingRecordViewSet, "api-publishing-record")
router.register("run-events", automation.RunEventViewSet, "api-run-event")
router.register("sync-events", integration.SyncEventViewSet, "api-sync-event")
router.register("webhook-deliveries", webhooks.WebhookDeliveryViewSet, "api-webhook-delivery")
router.register("webhook-endpoints", webhooks.WebhookEndpointViewSet, "api-webhook-endpoint")
router.register("work-items", automation.WorkItemViewSet, "api-work-item")

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("accounts/", accounts.AccountListView.as_view(), name="api-accounts"),
    path("me/", people.MeView.as_view(), name="api-me"),
    path("industries/", reference.IndustryViewSet.as_view({"get": "list"}), name="api-industries"),
    path(
        "seed-keywords/",
        reference.SeedKeywordViewSet.as_view({"get": "list"}),
        name="api-seed-keywords",
    ),
    path("accounts/<key:account_id>/", account({"get": "retrieve", "patch": "partial_update"})),
    path("accounts/<key:account_id>/plan/", account({"get": "plan"})),
    path("accounts/<key:account_id>/leave/", account({"post": "leave"})),
    path("accounts/<key:account_id>/close/", account({"post": "close"})),
    path("credit-prices/", usage.CreditPriceView.as_view(), name="api-credit-prices"),
    path("credit-packages/", billing.CreditPackageView.as_view(), name="api-credit-packages"),
    path("plans/", billing.PlanView.as_view(), name="api-plans"),
    path(
        "accounts/<key:account_id>/wallet/",
        credit.WalletViewSet.as_view({"get": "retrieve"}),
        name="api-wallet",
    ),
    path("hooks/<uuid:hook_id>/", integration.HookView.as_view(), name="api-hook"),
    path(
        "accounts/<key:account_id>/billing-profile/",
        checkout.BillingProfileViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="api-billing-profile",
    ),
    path("accounts/<key:account_id>/", include(router.urls)),
]
