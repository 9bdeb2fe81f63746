"""Pages that a site has, wherever we know them from."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from igny8_core.auth.models import AccountBaseModel, choices_check
from igny8_core.business.content.states import PageSource
from igny8_core.common.tenancy.constraints import CompositeForeignKey
from igny8_core.common.tenancy.managers import aligned

MAX_URL = 2048


class SitePage(AccountBaseModel):
    """One address of a site, with what is known of the page behind it.

    Ideas are compared with it before they are paid for. What is not known is empty or NULL, and
    never replaces what is.
    """

    site = aligned("igny8_auth.Site")
    content = aligned("content.Content", models.SET_NULL, null=True, blank=True)
    url = models.CharField(max_length=MAX_URL)
    url_hash = models.CharField(max_length=64, help_text="Digest of common.url_keys.url_key().")
    title = models.CharField(max_length=500, blank=True)
    h1 = models.CharField(max_length=500, blank=True)
    meta_description = models.CharField(max_length=1000, blank=True)
    focus_keyword = models.CharField(max_length=255, blank=True)
    language = models.CharField(max_length=16, blank=True)
    word_count = models.PositiveIntegerField(null=True, blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    is_indexable = models.BooleanField(
        null=True, blank=True, help_text="False: search engines are asked to leave it out."
    )
    canonical_url = models.CharField(max_length=MAX_URL, blank=True)
    is_canonical = models.BooleanField(
        default=True, help_text="False: it says that another address is the page."
    )
    last_modified_at = models.DateTimeField(null=True, blank=True)
    clicks = models.BigIntegerField(null=True, blank=True)
    impressions = models.BigIntegerField(null=True, blank=True)
    position = models.FloatField(null=True, blank=True)
    source = models.CharField(max_length=8, choices=PageSource)
    last_seen_at = models.DateTimeField()

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "site", "url_hash"], name="sitepage_once"),
            CompositeForeignKey(
                name="sitepage_site",
                fields=["account", "site"],
                rel="site",
                to_fields=["account", "id"],
                error_field="site",
                violation_error_message="Site is of another account.",
            ),
            CompositeForeignKey(
                name="sitepage_content",
                fields=["account", "site", "content"],
                rel="content",
                to_fields=["account", "site", "id"],
                set_null=["content"],
                error_field="content",
                violation_error_message="Content is of another site.",
            ),
            choices_check("source", PageSource, "sitepage_source"),
            models.CheckConstraint(
                name="sitepage_figures",
                condition=(Q(clicks__isnull=True) | Q(clicks__gte=0))
                & (Q(impressions__isnull=True) | Q(impressions__gte=0)),
            ),
        ]
        indexes = [
            models.Index(fields=["account", "site", "id"], name="sitepage_list"),
            models.Index(
                fields=["account", "content"],
                condition=Q(content__isnull=False),
                name="sitepage_by_content",
            ),
        ]

    def __str__(self) -> str:
        return self.url
