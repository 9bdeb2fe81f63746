"""Keyword files: upload, what they would do, import, report, undo."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import JsonObject
from igny8_core.api.files import CSV, CSV_ANSWER, CsvRenderer, as_file
from igny8_core.api.filters import FileForm, Filters, RowId
from igny8_core.api.v1.planning.rows import PlannerViewSet
from igny8_core.auth import selectors as identity
from igny8_core.business.planning import selectors
from igny8_core.business.planning.models import KeywordImport, KeywordImportIssue
from igny8_core.business.planning.services import import_jobs, import_keywords, undo_import
from igny8_core.business.planning.services.import_report import advice_for, write_issues
from igny8_core.business.planning.services.keyword_formats import CODE_PAGES
from igny8_core.business.planning.services.keyword_options import (
    MAX_EXCLUDED,
    ReadOptions,
    site_options,
)
from igny8_core.business.planning.states import ImportStatus, IssueSeverity

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import FileResponse
    from rest_framework.request import Request

    from igny8_core.auth.models import Site

READ_AT_ONCE_BYTES = 2 * 1024 * 1024
"""A larger file is analysed by a worker."""

MAX_OPTIONS = 20_000


class KeywordImportSerializer(serializers.ModelSerializer[KeywordImport]):
    """A keyword file. ``rows_read`` is the sum of what became of its rows.

    Before it is imported, ``report`` says what that would do (``consequences``, ``plan``); while
    it is, ``keywords_done`` of ``keywords_total`` are in.
    """

    mapping = serializers.DictField(
        child=serializers.CharField(), read_only=True, help_text="Columns by what they mean."
    )
    report = serializers.DictField(read_only=True)
    options = serializers.DictField(read_only=True, help_text="How it was read.")
    undo = serializers.DictField(
        read_only=True, help_text="What an undo removed, restored and kept, and why."
    )

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
            "options",
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
            "undo",
            "created_at",
            "requested_at",
            "completed_at",
            "undone_at",
        )
        read_only_fields = fields


class ImportIssueSerializer(serializers.ModelSerializer[KeywordImportIssue]):
    """What happened to a row or cell that was not simply imported."""

    advice = serializers.SerializerMethodField(help_text="What to do about it; often nothing.")

    class Meta:
        model = KeywordImportIssue
        fields = ("id", "sheet", "row", "row_end", "column", "code", "text", "severity", "advice")
        read_only_fields = fields

    def get_advice(self, row: KeywordImportIssue) -> str:
        return advice_for(row.code)


class ReadOptionsForm(Body):
    """How a file is to be read. What is not said follows from the file and the site."""

    country = serializers.CharField(
        max_length=2, required=False, allow_blank=True, help_text="Market of the figures; ISO code."
    )
    any_market = serializers.BooleanField(
        required=False, help_text="Rows of other countries and languages, too."
    )
    ignores_file_market = serializers.BooleanField(
        required=False, help_text="The file's name does not say the market."
    )
    is_plain_list = serializers.BooleanField(
        required=False, help_text="One keyword a line, without a header."
    )
    columns = JsonObject(
        required=False,
        help_text='By field, the column to take: `{"volume": "Searches"}`; "" leaves it out.',
    )
    decimal_marks = JsonObject(
        required=False, help_text='By field, "." or ",": the answer to `number_style_asked`.'
    )
    encoding = serializers.ChoiceField(
        choices=sorted(CODE_PAGES), required=False, help_text="When the guess was wrong."
    )
    observed_on = serializers.DateField(
        required=False, help_text="Of the figures, when the file does not say."
    )
    keeps_deleted = serializers.BooleanField(
        required=False, help_text="Deleted keywords stay deleted; true unless said."
    )
    keeps_groups = serializers.BooleanField(
        required=False, help_text="The file's own groups become clusters."
    )
    min_volume = serializers.IntegerField(
        min_value=0, max_value=10**10, required=False, help_text="Smaller known ones are left out."
    )
    excludes = serializers.ListField(
        child=serializers.CharField(max_length=255),
        max_length=MAX_EXCLUDED,
        required=False,
        help_text="Keywords with one of these words or phrases are left out.",
    )

    def to_internal_value(self, data: Any) -> Any:
        found = super().to_internal_value(data)
        if unknown := sorted(set(data) - set(self.fields)):
            raise serializers.ValidationError(
                {str(name): ["There is no such option."] for name in unknown}
            )
        for name in ("columns", "decimal_marks"):
            if any(not isinstance(text, str) for text in found.get(name, {}).values()):
                raise serializers.ValidationError({name: ["Texts by the names of fields."]})
        return found


class NewImportForm(FileForm):
    """A keyword file, and where it goes."""

    file = serializers.FileField(
        help_text="xlsx, CSV, TSV, a ZIP or gzip of them; at most 64 MiB and 200,000 rows."
    )
    sector = RowId(identity.sector, "sector_id")
    options = serializers.CharField(
        max_length=MAX_OPTIONS,
        required=False,
        help_text="How to read it: a JSON object with the fields of `ReadOptionsForm`.",
    )

    def validate_options(self, text: str) -> dict[str, Any]:
        try:
            data = json.loads(text)
        except ValueError as exc:
            raise serializers.ValidationError(["This is no JSON."]) from exc
        except RecursionError as exc:
            raise serializers.ValidationError(["Nested too deeply."]) from exc
        form = ReadOptionsForm(data=data)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)


class RepeatForm(Body):
    """The same file once more."""

    sector = RowId(identity.sector, "sector_id", required=False)
    options = ReadOptionsForm(required=False)


class UndoForm(Body):
    """What an undo takes back beside what nobody has touched."""

    includes_clustered = serializers.BooleanField(
        required=False, default=False, help_text="Also keywords that a clustering has placed."
    )


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
    """Keyword files, newest first. Nothing of them costs credits."""

    serializer_class = KeywordImportSerializer
    filters_class = ImportFilters
    orders = {"id": "pk"}
    default_order = "-id"
    list_actions = frozenset({"list", "issues"})
    open_actions = frozenset({"create", "repeat", "undo"})

    def get_queryset(self) -> QuerySet[KeywordImport]:
        return selectors.keyword_imports(account=self.account, **self.filters)

    def get_parsers(self) -> list[Any]:
        """A new import comes with its file; everything else is JSON."""
        names = getattr(self, "action_map", {})
        is_upload = names.get("post") == "create"
        return [MultiPartParser()] if is_upload else super().get_parsers()

    @extend_schema(
        request={"multipart/form-data": NewImportForm}, responses={201: KeywordImportSerializer}
    )
    def create(self, _request: Request, **_path: Any) -> Response:
        """Bring a file. No keyword is written: the answer says what importing it would do.

        A file of more than 2 MiB is `uploaded` first and looked at by a worker: ask for the import
        until it is `analysed` or `failed`. The same file with the same options is one import,
        whatever became of it, unless it failed, was cancelled or undone. Start it to write it.
        """
        data = self.body_apart(NewImportForm)
        sector, file = data["sector"], data["file"]
        found = import_keywords.upload_keyword_file(
            account=self.account,
            site=sector.site,
            sector=sector,
            file_name=file.name,
            data=file,
            options=_options(sector.site, data.get("options", {})),
        )
        return self._looked_at(found)

    @extend_schema(request=RepeatForm, responses={201: KeywordImportSerializer})
    @action(detail=True, methods=["post"])
    def repeat(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Read the stored file again, with other options or for another sector: a new import.

        409 when its bytes are kept no longer (30 days).
        """
        data = self.body_apart(RepeatForm)
        earlier = import_keywords.stored_import(account=self.account, import_id=int(pk))
        sector = data.get("sector") or earlier.sector
        found = import_keywords.repeat_upload(
            account=self.account,
            import_id=earlier.pk,
            sector=sector,
            options=_options(sector.site, data.get("options", {})),
        )
        return self._looked_at(found)

    @extend_schema(request=None, responses={202: KeywordImportSerializer})
    @action(detail=True, methods=["post"])
    def start(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Let a worker do the next step: analyse an upload, or write an analysed file.

        Safe to repeat. A worker that dies is followed by another one, which ends with the same
        rows. 409 when the import failed, was cancelled or undone.
        """
        row = import_jobs.start_keyword_import(
            account=self.account, import_id=int(pk), now=timezone.now()
        )
        return Response(self.get_serializer(row).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=KeywordImportSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Stop an import; a running one ends within its batch. What is in stays until an undo."""
        row = import_keywords.cancel_keyword_import(
            account=self.account, import_id=int(pk), now=timezone.now()
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(request=UndoForm, responses=KeywordImportSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Take an import back: remove what it made, restore what it changed.

        What stays, and why, is in `undo`: in an idea, edited, in a newer import, in a cluster,
        changed since. 409 after 30 days, and for an import that has not run.
        """
        row = undo_import.undo_keyword_import(
            account=self.account,
            import_id=int(pk),
            includes_clustered=self.body(UndoForm)["includes_clustered"],
            now=timezone.now(),
        )
        return Response(self.get_serializer(row).data)

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

    @extend_schema(responses=CSV_ANSWER)
    @action(
        detail=True,
        methods=["get"],
        url_path="issues/export",
        pagination_class=None,
        renderer_classes=[CsvRenderer, JSONRenderer],
    )
    def issues_export(self, _request: Request, pk: str, **_path: Any) -> FileResponse:
        """The issues as CSV, a line each, with what to do about them."""

        def write(out: Any) -> tuple[str, str]:
            write_issues(account=self.account, import_id=int(pk), out=out)
            return f"issues-{int(pk)}.csv", f"{CSV}; charset=utf-8"

        return as_file(write)

    def _looked_at(self, found: KeywordImport) -> Response:
        """A small file is read at once, a large one by a worker."""
        if found.status == ImportStatus.UPLOADED:
            now = timezone.now()
            if found.size_bytes <= READ_AT_ONCE_BYTES:
                found = import_keywords.analyse_upload(
                    account=self.account, import_id=found.pk, now=now
                )
            else:
                found = import_jobs.start_keyword_import(
                    account=self.account, import_id=found.pk, now=now
                )
        return Response(self.get_serializer(found).data, status=status.HTTP_201_CREATED)


def _options(site: Site, said: dict[str, Any]) -> ReadOptions:
    """What the form says, over what the site says."""
    known = {field.name for field in fields(ReadOptions)}
    given = {name: value for name, value in said.items() if name in known}
    if "observed_on" in given:
        given["observed_on"] = given["observed_on"].isoformat()
    given["excludes"] = tuple(given.get("excludes", ()))
    return site_options(site, any_market=said.get("any_market", False), **given)
