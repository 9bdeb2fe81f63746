"""Search results that somebody brings: what the pages of others say on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import Lines
from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.business.content import selectors
from igny8_core.business.content.models import SerpSample
from igny8_core.business.content.services.serp_samples import (
    DOCUMENTS_MAX,
    DOCUMENTS_MIN,
    TERMS_MAX,
    TEXT_LENGTH,
    add_serp_sample,
    delete_serp_sample,
)
from igny8_core.business.content.services.serp_terms import SerpDocument
from igny8_core.business.planning import selectors as planning

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class SerpTermSerializer(serializers.Serializer[Any]):
    """A term, and on how many of the pages it stands."""

    text = serializers.CharField()
    documents = serializers.IntegerField()


class SerpSampleSerializer(serializers.ModelSerializer[SerpSample]):
    """What the pages of others say on a cluster. Scores use the newest of a cluster."""

    terms = SerpTermSerializer(many=True, read_only=True)

    class Meta:
        model = SerpSample
        fields = (
            "id", "site", "sector", "cluster", "market", "taken_on", "documents", "terms",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class SerpDocumentSerializer(serializers.Serializer[Any]):
    """A page of others: its plain text, or the terms that somebody found in it."""

    text = serializers.CharField(
        max_length=TEXT_LENGTH, required=False, allow_blank=True, default=""
    )
    terms = Lines(max_length=TERMS_MAX, required=False)


class NewSerpSampleSerializer(Body):
    """Pages that a search for the cluster's topic found."""

    cluster = RowId(planning.cluster, "cluster_id")
    market = serializers.RegexField(r"^[A-Z]{2}\Z", help_text="A country, such as DE.")
    taken_on = serializers.DateField()
    documents = serializers.ListField(
        child=SerpDocumentSerializer(), min_length=DOCUMENTS_MIN, max_length=DOCUMENTS_MAX
    )


class SerpSampleFilters(Filters):
    """Narrows search results down."""

    cluster = RowId(planning.cluster, "cluster_id", required=False)
    market = serializers.CharField(max_length=2, required=False)


class SerpSampleViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[SerpSample]
):
    """What the pages of others say on clusters, from results that somebody brought."""

    serializer_class = SerpSampleSerializer
    filters_class = SerpSampleFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[SerpSample]:
        return selectors.serp_samples(account=self.account, **self.filters)

    @extend_schema(request=NewSerpSampleSerializer, responses={201: SerpSampleSerializer})
    def create(self, _request: Request, **_path: Any) -> Response:
        """Bring search results of a cluster. Texts are read for their terms and not stored."""
        data = self.body(NewSerpSampleSerializer)
        row = add_serp_sample(
            account=self.account,
            cluster_id=data["cluster"].pk,
            market=data["market"],
            taken_on=data["taken_on"],
            documents=[
                SerpDocument(one["text"], tuple(one.get("terms", ()))) for one in data["documents"]
            ],
            now=timezone.now(),
        )
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Forget search results, for good. Scores are made without them from then on."""
        delete_serp_sample(account=self.account, serp_sample_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)
