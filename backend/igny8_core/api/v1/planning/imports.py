"""Keyword files: what came in, and what became of each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action

from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.planning.rows import PlannerViewSet
from igny8_core.auth import selectors as identity
from igny8_core.business.planning import selectors
from igny8_core.business.planning.models import KeywordImport, KeywordImportIssue
from igny8_core.business.planning.states import ImportStatus, IssueSeverity

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request
    from rest_framework.response import Response


class KeywordImportSerializer(serializers.ModelSerializer[KeywordImport]):
    """A keyword file. ``rows_read`` is the sum of what became of its rows."""

    mapping = serializers.DictField(
        child=serializers.CharField(), read_only=True, help_text="Columns by what they mean."
    )
    report = serializers.DictField(read_only=True)

    class Meta:
        model = KeywordImport
        fields = (
            "id",
            "site",
            "sector",
            "file_name",
            "size_bytes",
            "status",
            "profile",
            "encoding",
            "delimiter",
            "header_row",
            "mapping",
            "report",
            "keywords_total",
            "keywords_done",
            "rows_read",
            "created",
            "updated",
            "unchanged",
            "merged",
            "skipped",
            "error_code",
            "error",
            "created_at",
            "completed_at",
        )
        read_only_fields = fields


class ImportIssueSerializer(serializers.ModelSerializer[KeywordImportIssue]):
    """What happened to a row or cell that was not simply imported."""

    class Meta:
        model = KeywordImportIssue
        fields = ("id", "sheet", "row", "row_end", "column", "code", "text", "severity")
        read_only_fields = fields


class ImportFilters(Filters):
    """Narrows imports down."""

    site = RowId(identity.site, "site_id", required=False)
    sector = RowId(identity.sector, "sector_id", required=False)
    status = serializers.ChoiceField(choices=ImportStatus.choices, required=False)


class IssueFilters(Filters):
    """Narrows issues down."""

    code = serializers.CharField(max_length=64, required=False)
    severity = serializers.ChoiceField(choices=IssueSeverity.choices, required=False)


class KeywordImportViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, PlannerViewSet[KeywordImport]
):
    """Keyword files, newest first."""

    serializer_class = KeywordImportSerializer
    filters_class = ImportFilters
    orders = {"id": "pk"}
    default_order = "-id"
    list_actions = frozenset({"list", "issues"})

    def get_queryset(self) -> QuerySet[KeywordImport]:
        return selectors.keyword_imports(account=self.account, **self.filters)

    @extend_schema(responses=ImportIssueSerializer(many=True))
    @action(
        detail=True,
        methods=["get"],
        filters_class=IssueFilters,
        serializer_class=ImportIssueSerializer,
        orders={"row": "row"},
        default_order="row",
    )
    def issues(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Rows and cells that were not simply imported, in the order of the file."""
        found = selectors.keyword_import(account=self.account, import_id=int(pk))
        rows = selectors.import_issues(account=self.account, import_id=found.pk, **self.filters)
        page: Any = self.paginate_queryset(rows)
        return self.get_paginated_response(ImportIssueSerializer(page, many=True).data)
