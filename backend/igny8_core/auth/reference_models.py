"""Reference data, the same for every account: industries, their sectors, seed keywords."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from igny8_core.auth.states import SeedSource


class Industry(models.Model):
    """A line of business; reference data."""

    name = models.CharField(max_length=100, unique=True)
    slug = models.SlugField(max_length=100, unique=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "industries"

    def __str__(self) -> str:
        return self.name


class IndustrySector(models.Model):
    """A part of an industry; reference data."""

    industry = models.ForeignKey(Industry, models.PROTECT, related_name="sectors")
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["industry", "slug"], name="industrysector_slug"),
            models.UniqueConstraint(fields=["id", "industry"], name="industrysector_key"),
        ]

    def __str__(self) -> str:
        return self.name


class SeedKeyword(models.Model):
    """A keyword as a text, of an industry sector; never a tenant's figures."""

    industry_sector = models.ForeignKey(IndustrySector, models.PROTECT, related_name="+")
    keyword = models.CharField(max_length=255)
    keyword_norm = models.CharField(max_length=255, help_text="Case-folded, quotes unified.")
    language = models.CharField(max_length=8, default="en")
    source = models.CharField(
        max_length=8,
        choices=SeedSource,
        default=SeedSource.ACCOUNT,
        db_default=SeedSource.ACCOUNT,
        help_text="Only packaged ones are shown to everybody.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(source__in=SeedSource.values), name="seedkeyword_source"
            ),
            models.UniqueConstraint(
                fields=["industry_sector", "language", "keyword_norm"], name="seedkeyword_text"
            ),
            models.UniqueConstraint(fields=["id", "industry_sector"], name="seedkeyword_key"),
        ]
        indexes = [
            models.Index(
                fields=["keyword_norm", "id"],
                condition=Q(source=SeedSource.PACKAGED),
                name="seedkeyword_packaged",
            ),
        ]

    def __str__(self) -> str:
        return self.keyword
