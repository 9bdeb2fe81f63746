"""Keyword files on their way in, what became of their rows, and what it takes to undo them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from igny8_core.auth.models import AccountBaseModel, SiteSectorBaseModel, choices_check
from igny8_core.business.planning.model_keys import SCOPE, scope_key, sector_key
from igny8_core.business.planning.states import DEAD_IMPORTS, ImportStatus, IssueSeverity
from igny8_core.common.tenancy.constraints import StatusTrail
from igny8_core.common.tenancy.managers import aligned


class KeywordImport(SiteSectorBaseModel):
    """One keyword file on its way in.

    The same bytes with the same options are one import: a repeat returns the first one, until it
    is undone.
    """

    file_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    storage_path = models.CharField(
        max_length=255, blank=True, help_text="Of its bytes; empty once they are pruned."
    )
    idempotency_key = models.CharField(max_length=64)
    options = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=10, choices=ImportStatus, default=ImportStatus.UPLOADED)
    header_hash = models.CharField(max_length=64, blank=True)
    profile = models.CharField(max_length=32, blank=True)
    encoding = models.CharField(max_length=16, blank=True)
    delimiter = models.CharField(max_length=1, blank=True)
    header_row = models.PositiveIntegerField(default=0, help_text="1 is the first row; 0: none.")
    mapping = models.JSONField(default=dict, blank=True)
    report = models.JSONField(default=dict, blank=True)
    rows_path = models.CharField(
        max_length=255, blank=True, help_text="Where its rows wait, as they will be written."
    )
    keywords_total = models.PositiveIntegerField(default=0, help_text="Distinct, to be written.")
    keywords_done = models.PositiveIntegerField(default=0)
    rows_read = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    merged = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    requested_at = models.DateTimeField(
        null=True, blank=True, help_text="When somebody asked for it to run in the background."
    )
    attempts = models.PositiveIntegerField(default=0, help_text="How often a worker has taken it.")
    lease_token = models.BigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undo = models.JSONField(default=dict, blank=True, help_text="What an undo did and kept.")

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            scope_key("keywordimport_key"),
            models.UniqueConstraint(
                fields=[*SCOPE, "idempotency_key"],
                condition=~Q(status__in=DEAD_IMPORTS),
                name="keywordimport_once_per_key",
            ),
            choices_check("status", ImportStatus, "keywordimport_status"),
            StatusTrail(name="keywordimport_status_trail"),
            models.CheckConstraint(
                condition=~Q(status=ImportStatus.COMPLETED)
                | Q(
                    completed_at__isnull=False,
                    rows_read=F("created")
                    + F("updated")
                    + F("unchanged")
                    + F("merged")
                    + F("skipped"),
                ),
                name="keywordimport_every_row_accounted_for",
            ),
            models.CheckConstraint(
                condition=Q(status=ImportStatus.IMPORTING) | Q(lease_expires_at__isnull=True),
                name="keywordimport_lease_only_while_importing",
            ),
            models.CheckConstraint(
                condition=~Q(status=ImportStatus.UNDONE) | Q(undone_at__isnull=False),
                name="keywordimport_undone_at",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "sector", "-id"], name="keywordimport_by_sector"),
            models.Index(
                fields=["requested_at"],
                condition=Q(
                    status__in=[
                        ImportStatus.UPLOADED,
                        ImportStatus.ANALYSED,
                        ImportStatus.IMPORTING,
                    ],
                    requested_at__isnull=False,
                ),
                name="keywordimport_waiting",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name


class KeywordImportIssue(SiteSectorBaseModel):
    """What happened to one row or cell of a file that was not simply imported."""

    keyword_import = aligned("planning.KeywordImport")
    sheet = models.CharField(max_length=64, blank=True)
    row = models.PositiveIntegerField(help_text="As the user's program shows it; 0: the file.")
    row_end = models.PositiveIntegerField(null=True, blank=True, help_text="Of a range of rows.")
    column = models.CharField(max_length=100, blank=True)
    code = models.CharField(max_length=64)
    text = models.CharField(max_length=255, blank=True)
    severity = models.CharField(max_length=8, choices=IssueSeverity, default=IssueSeverity.WARNING)

    class Meta:
        constraints = [
            sector_key(
                "keywordimportissue_import", "keyword_import", "Import is of another sector."
            ),
            choices_check("severity", IssueSeverity, "keywordimportissue_severity"),
        ]
        indexes = [
            models.Index(
                fields=["account", "keyword_import", "row", "id"], name="keywordimportissue_rows"
            ),
        ]


class KeywordImportChange(SiteSectorBaseModel):
    """A keyword that an import changed: its figures before, and a digest of them after.

    An undo restores what still is as the import left it. Keywords that an import made carry its
    number themselves.
    """

    keyword_import = aligned("planning.KeywordImport")
    keyword = aligned("planning.Keywords")
    before = models.JSONField(help_text="Columns of services.import_rows.FIGURES.")
    after_digest = models.CharField(max_length=32, help_text="md5 of the attributes it left.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "keyword_import", "keyword"], name="keywordimportchange_once"
            ),
            sector_key(
                "keywordimportchange_import", "keyword_import", "Import is of another sector."
            ),
            sector_key("keywordimportchange_keyword", "keyword", "Keyword is in another sector."),
        ]
        indexes = [
            models.Index(fields=["account", "keyword"], name="keywordimportchange_by_kw"),
        ]


class KeywordMapping(AccountBaseModel):
    """The columns that a person chose for files with one header; taken again without asking."""

    header_hash = models.CharField(max_length=64)
    columns = models.JSONField(help_text="By field, the name of its column.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "header_hash"], name="keywordmapping_once_per_header"
            ),
        ]
