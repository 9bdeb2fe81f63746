"""Images: planned, made for credits, or brought by people."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from django.http import HttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import JsonObject
from igny8_core.api.filters import BinFilters, FileForm, Filters, RowId, RowIds
from igny8_core.api.v1.base import BinActions, TenantViewSet
from igny8_core.api.v1.work import WorkItemSerializer
from igny8_core.auth import selectors as identity
from igny8_core.business.automation.services import requests
from igny8_core.business.content import selectors
from igny8_core.business.content.models import Images
from igny8_core.business.content.services import bin as bins
from igny8_core.business.content.services import upload_image as services
from igny8_core.business.content.services.image_files import read_file
from igny8_core.business.content.services.images import ALT_LENGTH, plan_images
from igny8_core.business.content.states import ImageStatus, ImageType

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request


MEDIA_TYPES: Final = {
    "avif": "image/avif",
    "webp": "image/webp",
    "jpeg": "image/jpeg",
    "png": "image/png",
}
SMALLEST_FIRST: Final = ("avif", "webp", "jpeg", "png")
READABLE_BY_ALL: Final = ("jpeg", "png", "webp", "avif")
KEPT: Final = "private, max-age=31536000, immutable"


class ImageFileSerializer(serializers.Serializer[Any]):
    """One file of an image; ``path`` is below the media folder."""

    path = serializers.CharField()
    format = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    size_bytes = serializers.IntegerField()


class ImageSerializer(serializers.ModelSerializer[Images]):
    """An image of an article or a writing task, with its files.

    ``digest`` is what ``file/`` takes as ``v``: with it the answer may be kept for good.
    """

    digest = serializers.SerializerMethodField()
    url = serializers.CharField(read_only=True)  # or empty
    variants = ImageFileSerializer(many=True, read_only=True)
    provenance = JsonObject(read_only=True)

    class Meta:
        model = Images
        fields = (
            "id",
            "site",
            "sector",
            "content",
            "task",
            "image_type",
            "status",
            "position",
            "alt",
            "caption",
            "prompt",
            "path",
            "digest",
            "url",
            "width",
            "height",
            "variants",
            "digital_source_type",
            "error",
            "attempt",
            "provenance",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = fields

    def get_digest(self, row: Images) -> str:
        """Changes with the picture; empty while there is none."""
        return PurePosixPath(row.path).name.partition("-")[0]


class NewImageSerializer(FileForm):
    """A picture for an article or a writing task: one of them, not both."""

    file = serializers.FileField(
        help_text="JPEG, PNG, WebP or GIF; at most 10 MiB and 40 million pixels."
    )
    alt = serializers.CharField(max_length=ALT_LENGTH, help_text="What it shows, in words.")
    caption = serializers.CharField(
        max_length=services.CAPTION_LENGTH, required=False, allow_blank=True, default=""
    )
    content = RowId(selectors.content, "content_id", required=False)
    task = RowId(selectors.writing_task, "writing_task_id", required=False)
    image_type = serializers.ChoiceField(
        choices=ImageType.choices, required=False, default=ImageType.IN_ARTICLE
    )
    position = serializers.IntegerField(
        min_value=0,
        max_value=services.POSITION_MAX,
        required=False,
        default=None,
        help_text="Among the images of its type; by default the first free one.",
    )


class ReplacementSerializer(FileForm):
    """Another picture in the place of one."""

    file = serializers.FileField(
        help_text="JPEG, PNG, WebP or GIF; at most 10 MiB and 40 million pixels."
    )
    alt = serializers.CharField(
        max_length=ALT_LENGTH, required=False, help_text="By default what is said already."
    )
    caption = serializers.CharField(
        max_length=services.CAPTION_LENGTH, required=False, allow_blank=True
    )


class WantedFile(Filters):
    """Which file of an image."""

    format = serializers.ChoiceField(
        choices=sorted(MEDIA_TYPES),
        required=False,
        help_text="By default the smallest that the Accept header allows.",
    )
    width = serializers.IntegerField(
        min_value=1,
        max_value=services.MAX_SIDE,
        required=False,
        help_text="The narrowest file of at least this width; by default the widest.",
    )
    v = serializers.CharField(
        max_length=32,
        required=False,
        help_text="The image's digest: the answer may then be kept for good.",
    )


class PictureRenderer(JSONRenderer):
    """Lets a client ask for pictures; refusals are JSON all the same."""

    media_type = "image/*"
    format = "image"


class ChangedImageSerializer(Body):
    """What is said of an image, and its place."""

    alt = serializers.CharField(max_length=ALT_LENGTH, required=False, allow_blank=True)
    caption = serializers.CharField(
        max_length=services.CAPTION_LENGTH, required=False, allow_blank=True
    )
    position = serializers.IntegerField(
        min_value=0, max_value=services.POSITION_MAX, required=False
    )
    prompt = serializers.CharField(
        max_length=services.PROMPT_LENGTH,
        required=False,
        allow_blank=True,
        help_text="What a model is to show when the image is made.",
    )


class PlanSerializer(Body):
    """Articles that are to have their cover."""

    contents = RowIds("content", min_length=1)


class ImageFilters(BinFilters):
    """Narrows images down."""

    site = RowId(identity.site, "site_id", required=False)
    sector = RowId(identity.sector, "sector_id", required=False)
    content = RowId(selectors.content, "content_id", required=False)
    task = RowId(selectors.writing_task, "writing_task_id", required=False)
    status = serializers.ChoiceField(choices=ImageStatus.choices, required=False)
    image_type = serializers.ChoiceField(choices=ImageType.choices, required=False)


def _accepted(request: Request) -> list[str]:
    """Formats that the client says it takes, the smallest first; all when it takes anything."""
    accept = request.headers.get("Accept", "*/*")
    asked = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    named = [kind for kind in SMALLEST_FIRST if MEDIA_TYPES[kind] in asked]
    if asked & {"*/*", "image/*"} or not named:
        return [*named, *(kind for kind in READABLE_BY_ALL if kind not in named)]
    return named


class ImageViewSet(
    BinActions, mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[Images]
):
    """Images, newest first; those of deleted rows are hidden with them."""

    serializer_class = ImageSerializer
    filters_class = ImageFilters
    default_order = "-id"
    spending_actions = frozenset({"generate"})
    delete_rows = staticmethod(bins.delete_images)
    restore_rows = staticmethod(bins.restore_images)

    def get_queryset(self) -> QuerySet[Images]:
        return selectors.images(account=self.account, **self.filters)

    def get_parsers(self) -> list[Any]:
        """A new image comes with its file; everything else is JSON."""
        names = getattr(self, "action_map", {})
        asked = names.get("post")
        if asked == "replace":
            return [MultiPartParser(), *super().get_parsers()]
        return [MultiPartParser()] if asked == "create" else super().get_parsers()

    @extend_schema(
        request={"multipart/form-data": NewImageSerializer}, responses={201: ImageSerializer}
    )
    def create(self, _request: Request, **_path: Any) -> Response:
        """Bring a picture. It is written anew in up to four widths; 409 when its place is taken."""
        data = self.body(NewImageSerializer)
        file, content, task = data.pop("file"), data.pop("content", None), data.pop("task", None)
        row = services.upload_image(
            account=self.account,
            data=file.read(services.MAX_BYTES + 1),
            file_name=file.name,
            content_id=getattr(content, "pk", None),
            task_id=getattr(task, "pk", None),
            user_id=self.user_id,
            now=timezone.now(),
            **data,
        )
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ChangedImageSerializer, responses=ImageSerializer)
    def partial_update(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Change what is said of an image, or its place. 409 when the place is taken."""
        row = services.edit_image(
            account=self.account, image_id=int(pk), changes=self.body(ChangedImageSerializer)
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(
        request={"multipart/form-data": ReplacementSerializer}, responses=ImageSerializer
    )
    @action(detail=True, methods=["post"])
    def replace(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Put another picture in the place of one: made, planned or failed."""
        selectors.image(account=self.account, image_id=int(pk))  # before a file is read
        data = self.body(ReplacementSerializer)
        file = data.pop("file")
        row = services.replace_image(
            account=self.account,
            image_id=int(pk),
            data=file.read(services.MAX_BYTES + 1),
            file_name=file.name,
            user_id=self.user_id,
            now=timezone.now(),
            **data,
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(
        parameters=[WantedFile],
        responses={(200, media): OpenApiTypes.BINARY for media in MEDIA_TYPES.values()}
        | {304: OpenApiResponse(description="What the client has is what there is.")},
    )
    @action(
        detail=True,
        methods=["get"],
        pagination_class=None,
        renderer_classes=[PictureRenderer, JSONRenderer],
    )
    def file(self, request: Request, pk: str, **_path: Any) -> HttpResponseBase:
        """The bytes of one file of an image. 404 while there is none.

        For whoever may see the image, and for no cache between: private. With ``v`` of the
        image's digest it may be kept for a year, else it is asked for again (``ETag``).
        """
        form = WantedFile(data=request.query_params.dict(), context={"view": self})
        form.is_valid(raise_exception=True)
        wanted = form.validated_data
        image = selectors.image(account=self.account, image_id=int(pk))
        kinds = [wanted["format"]] if "format" in wanted else _accepted(request)
        found = read_file(
            account_id=self.account.pk,
            variants=image.variants,
            kinds=kinds,
            width=wanted.get("width", 0),
        )
        is_named = wanted.get("v") == ImageSerializer(image).data["digest"]
        headers = {
            "ETag": f'"{found.digest}"',
            "Cache-Control": KEPT if is_named else "private, no-cache",
            "Content-Disposition": f'inline; filename="{image.pk}-{found.width}.{found.format}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        }
        if "format" not in wanted:
            headers["Vary"] = "Accept"
        response = HttpResponse(found.data, content_type=MEDIA_TYPES[found.format], headers=headers)
        # DRF's request has what is read of it.
        kept = get_conditional_response(request, headers["ETag"], response=response)
        return kept or response

    @extend_schema(request=PlanSerializer, responses={201: ImageSerializer(many=True)})
    @action(detail=False, methods=["post"], pagination_class=None)
    def plan(self, _request: Request, **_path: Any) -> Response:
        """Plan the covers of articles, and the pictures that their texts have a place for.

        The answer holds those that are still to be made.
        """
        ids = plan_images(
            account=self.account,
            content_ids=self.body(PlanSerializer)["contents"],
            now=timezone.now(),
        )
        found = selectors.images(account=self.account).in_bulk(ids)
        rows = [found[pk] for pk in ids]
        return Response(self.get_serializer(rows, many=True).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={202: WorkItemSerializer})
    @action(detail=True, methods=["post"])
    def generate(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Have a planned image made, one that failed made again, or another in its place.

        For credits: 402 when they do not suffice now. 409 for an image that was uploaded.
        """
        item = requests.request_image(account=self.account, image_id=int(pk), now=timezone.now())
        return Response(WorkItemSerializer(item).data, status=status.HTTP_202_ACCEPTED)
