"""Pages that a site has already: files of them, and what is known of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from igny8_core.api.files import CSV, CSV_ANSWER, CsvRenderer, as_file
from igny8_core.api.filters import FileForm, Filters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.auth import selectors as accounts
from igny8_core.business.content import selectors as contents
from igny8_core.business.content.models import SitePage
from igny8_core.business.content.states import PageSource
from igny8_core.business.integration import selectors
from igny8_core.business.integration.models import ContentImport, ContentImportIssue
from igny8_core.business.integration.services import import_pages, page_jobs
from igny8_core.business.integration.states import PageImportStatus
from igny8_core.business.planning.states import IssueSeverity

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import FileResponse
    from rest_framework.request import Request

READ_AT_ONCE_BYTES = 2 * 1024 * 1024
"""A larger file is looked at by a worker."""


class PageImportSerializer(serializers.ModelSerializer[ContentImport]):
    """A file of pages. While it is written, ``pages_done`` of ``pages_total`` are in."""

    report = serializers.DictField(read_only=True, help_text="What is in it, before it is written.")

    class Meta:
        model = ContentImport
        fields = (
            "id",
            "site",
            "sector",
            "file_name",
            "size_bytes",
            "status",
            "kind",
            "report",
            "pages_total",
            "pages_done",
            "created",
            "updated",
            "unchanged",
            "posts_created",
            "posts_updated",
            "posts_unchanged",
            "error_code",
            "error",
            "created_at",
            "requested_at",
            "completed_at",
        )
        read_only_fields = fields


class PageIssueSerializer(serializers.ModelSerializer[ContentImportIssue]):
    """What became no page, and why."""

    class Meta:
        model = ContentImportIssue
        fields = ("id", "row", "code", "text", "severity", "count")
        read_only_fields = fields


class SitePageSerializer(serializers.ModelSerializer[SitePage]):
    """One address of a site. What is not known is null or empty."""

    class Meta:
        model = SitePage
        fields = (
            "id",
            "site",
            "content",
            "url",
            "title",
            "h1",
            "meta_description",
            "focus_keyword",
            "language",
            "word_count",
            "status_code",
            "is_indexable",
            "canonical_url",
            "is_canonical",
            "last_modified_at",
            "clicks",
            "impressions",
            "position",
            "source",
            "last_seen_at",
        )
        read_only_fields = fields


class NewPageImportForm(FileForm):
    """A file of pages, and where it goes."""

    file = serializers.FileField(
        help_text="WordPress export (WXR), sitemap, list of addresses, crawl or Search Console; at"
        " most 64 MiB here, 512 MiB by `igny8 pages import`."
    )
    sector = RowId(accounts.sector, "sector_id", help_text="Where posts go that become content.")
    with_posts = serializers.BooleanField(
        required=False, default=True, help_text="Posts of a WordPress export become content too."
    )


class PageImportFilters(Filters):
    """Narrows imports down."""

    site = RowId(accounts.site, "site_id", required=False)
    sector = RowId(accounts.bare_sector, "sector_id", required=False)
    status = serializers.ChoiceField(choices=PageImportStatus.choices, required=False)


class PageIssueFilters(Filters):
    """Narrows issues down."""

    code = serializers.CharField(max_length=64, required=False)
    severity = serializers.ChoiceField(choices=IssueSeverity.choices, required=False)


class SitePageFilters(Filters):
    """Narrows pages down."""

    site = RowId(accounts.site, "site_id", required=False)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field, not where it is from
        choices=PageSource.choices, required=False
    )
    is_indexable = serializers.BooleanField(required=False)
    has_content = serializers.BooleanField(required=False, help_text="An article of ours is it.")


class PageImportViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[ContentImport]
):
    """Files of pages, newest first. Free of charge; no connection is opened."""

    serializer_class = PageImportSerializer
    filters_class = PageImportFilters
    default_order = "-id"
    list_actions = frozenset({"list", "issues"})
    open_actions = frozenset({"create"})

    def get_queryset(self) -> QuerySet[ContentImport]:
        return selectors.page_imports(account=self.account, **self.filters)

    def get_parsers(self) -> list[Any]:
        """A new import comes with its file; everything else is JSON."""
        names = getattr(self, "action_map", {})
        is_upload = names.get("post") == "create"
        return [MultiPartParser()] if is_upload else super().get_parsers()

    @extend_schema(
        request={"multipart/form-data": NewPageImportForm}, responses={201: PageImportSerializer}
    )
    def create(self, _request: Request, **_path: Any) -> Response:
        """Bring a file. No page is written: the answer says what is in it.

        A file of more than 2 MiB is `uploaded` first and looked at by a worker. The same file with
        the same options is one import, whatever became of it, unless it failed or was cancelled.
        """
        data = self.body_apart(NewPageImportForm)
        sector, file, now = data["sector"], data["file"], timezone.now()
        row = import_pages.upload_page_file(
            account=self.account,
            site=sector.site,
            sector=sector,
            file_name=file.name,
            data=file,
            with_posts=data["with_posts"],
        )
        if row.status == PageImportStatus.UPLOADED:
            is_small = row.size_bytes <= READ_AT_ONCE_BYTES
            next_step = (
                import_pages.analyse_page_upload if is_small else page_jobs.start_page_import
            )
            row = next_step(account=self.account, import_id=row.pk, now=now)
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={202: PageImportSerializer})
    @action(detail=True, methods=["post"])
    def start(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Let a worker do the next step: look into an upload, or write an analysed file.

        Safe to repeat. 409 when the import failed or was cancelled.
        """
        row = page_jobs.start_page_import(
            account=self.account, import_id=int(pk), now=timezone.now()
        )
        return Response(self.get_serializer(row).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=PageImportSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Stop an import; a running one ends within its batch. What is in stays in."""
        row = import_pages.cancel_page_import(
            account=self.account, import_id=int(pk), now=timezone.now()
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(responses=PageIssueSerializer(many=True))
    @action(
        detail=True,
        methods=["get"],
        filters_class=PageIssueFilters,
        serializer_class=PageIssueSerializer,
        orders={"row": "row"},
        default_order="row",
    )
    def issues(self, _request: Request, pk: str, **_path: Any) -> Response:
        """What became no page, in the order of the file."""
        found = selectors.page_import(account=self.account, import_id=int(pk))
        rows: Any = selectors.page_issues(account=self.account, import_id=found.pk, **self.filters)
        page: Any = self.paginate_queryset(rows)
        return self.get_paginated_response(PageIssueSerializer(page, many=True).data)

    @extend_schema(responses=CSV_ANSWER)
    @action(
        detail=True,
        methods=["get"],
        url_path="issues/export",
        pagination_class=None,
        renderer_classes=[CsvRenderer, JSONRenderer],
    )
    def issues_export(self, _request: Request, pk: str, **_path: Any) -> FileResponse:
        """The issues as CSV, a line each."""

        def write(out: Any) -> tuple[str, str]:
            page_jobs.write_page_issues(account=self.account, import_id=int(pk), out=out)
            return f"page-issues-{int(pk)}.csv", f"{CSV}; charset=utf-8"

        return as_file(write)


class SitePageViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[SitePage]):
    """Pages of the account's sites. Ideas are compared with them before they are paid for."""

    serializer_class = SitePageSerializer
    filters_class = SitePageFilters

    def get_queryset(self) -> QuerySet[SitePage]:
        rows: QuerySet[SitePage] = contents.site_pages(account=self.account, **self.filters)
        return rows
