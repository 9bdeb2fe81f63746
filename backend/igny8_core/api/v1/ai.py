"""AI providers that an account sets up, and the journal of its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.ai import selectors, services
from igny8_core.ai.checks import check_setting
from igny8_core.ai.errors import ErrorClass
from igny8_core.ai.models import AiCall, ProviderSetting
from igny8_core.ai.states import AiCallStatus, ProviderKind
from igny8_core.api.bodies import Body
from igny8_core.api.filters import MAX_ID, Filters
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.auth.states import Role

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

MAX_INTEGER = 2**31 - 1
MAX_NAME, MAX_ADDRESS, MAX_KEY = 120, 500, 500


class ProviderSettingSerializer(serializers.ModelSerializer[ProviderSetting]):
    """A provider that the account uses. Its key is never shown: only that there is one."""

    has_key = serializers.SerializerMethodField()

    class Meta:
        model = ProviderSetting
        fields = (
            "id",
            "provider",
            "model",
            "image_model",
            "base_url",
            "has_key",
            "key_hint",
            "is_enabled",
            "is_free",
            "priority",
            "max_context_tokens",
            "requests_per_minute",
            "tokens_per_minute",
            "concurrency",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_has_key(self, row: ProviderSetting) -> bool:
        return bool(row.sealed_key)


def _limit(text: str) -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=1, max_value=MAX_INTEGER, required=False, allow_null=True, help_text=text
    )


class ProviderFieldsSerializer(Body):
    """What a person may say of a provider. A model for text or for pictures has to be there."""

    model = serializers.CharField(
        max_length=MAX_NAME, required=False, allow_blank=True, help_text="For text."
    )
    image_model = serializers.CharField(
        max_length=MAX_NAME,
        required=False,
        allow_blank=True,
        help_text="For pictures: of OpenAI, or a server with its API.",
    )
    api_key = serializers.CharField(
        max_length=MAX_KEY,
        required=False,
        allow_blank=True,
        write_only=True,
        help_text="Left out: the stored key stays. Empty: it is forgotten. It has to be sent again "
        "when the address changes.",
    )
    base_url = serializers.CharField(
        max_length=MAX_ADDRESS,
        required=False,
        allow_blank=True,
        help_text="Public and encrypted, unless the operator allows others.",
    )
    is_enabled = serializers.BooleanField(required=False)
    is_free = serializers.BooleanField(
        required=False, help_text="Its calls cost nothing: they need no known price."
    )
    priority = serializers.IntegerField(
        min_value=0,
        max_value=MAX_INTEGER,
        required=False,
        help_text="The lowest is asked first, the next one when it fails.",
    )
    max_context_tokens = _limit("Of prompt and answer together.")
    requests_per_minute = _limit("More wait.")
    tokens_per_minute = _limit("More wait.")
    concurrency = _limit("Calls at a time.")


class NewProviderSerializer(ProviderFieldsSerializer):
    """A provider to set up."""

    provider = serializers.ChoiceField(choices=ProviderKind.choices)


class DiagnosisSerializer(serializers.Serializer[Any]):
    """What a test of the connection found."""

    is_usable = serializers.BooleanField()
    problems = serializers.ListField(
        child=serializers.CharField(), help_text="One line each, with what to do about it."
    )
    seconds = serializers.FloatField(help_text="Until the answer; 0 when nothing was asked.")


class ProviderSettingViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[ProviderSetting]
):
    """The account's own AI providers, the one that is asked first on top."""

    serializer_class = ProviderSettingSerializer
    write_role = Role.ADMIN
    open_actions = frozenset({"test"})
    orders = {"priority": "priority", "id": "pk"}

    def get_queryset(self) -> QuerySet[ProviderSetting]:
        return selectors.provider_settings(account=self.account)

    @extend_schema(
        request=NewProviderSerializer,
        responses={201: ProviderSettingSerializer, 200: ProviderSettingSerializer},
    )
    def create(self, request: Request, **_path: Any) -> Response:
        """Set a provider up. What there was of it is replaced, except the key: then it is 200."""
        form = NewProviderSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        kind = ProviderKind(form.validated_data.pop("provider"))
        is_known = selectors.provider_settings(account=self.account).filter(provider=kind).exists()
        row = services.save_provider_setting(
            account=self.account, provider=kind, **form.validated_data
        )
        return Response(
            self.get_serializer(row).data,
            status=status.HTTP_200_OK if is_known else status.HTTP_201_CREATED,
        )

    @extend_schema(request=ProviderFieldsSerializer, responses=ProviderSettingSerializer)
    def partial_update(self, request: Request, pk: str, **_path: Any) -> Response:
        """Change some of a provider's fields."""
        form = ProviderFieldsSerializer(data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        row = services.change_provider_setting(
            account=self.account, setting_id=int(pk), changes=form.validated_data
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Forget a provider and its key."""
        services.remove_provider_setting(account=self.account, setting_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=DiagnosisSerializer)
    @action(detail=True, methods=["post"])
    def test(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Test the connection: asks the text model one question, which may cost a little.

        Waits for the answer, 20 seconds at most. A refusal of the provider is an answer too.
        """
        found = check_setting(account=self.account, setting_id=int(pk), now=timezone.now())
        return Response(DiagnosisSerializer(found).data)


class AiCallSerializer(serializers.ModelSerializer[AiCall]):
    """One call to a provider, without what was asked and answered."""

    class Meta:
        model = AiCall
        fields = (
            "id",
            "related_type",
            "related_id",
            "prompt",
            "provider",
            "model",
            "is_own_key",
            "status",
            "prompt_tokens",
            "completion_tokens",
            "cost_usd_micros",
            "error_class",
            "error",
            "started_at",
            "ended_at",
        )
        read_only_fields = fields


class AiCallFilters(Filters):
    """Narrows calls down."""

    status = serializers.ChoiceField(choices=AiCallStatus.choices, required=False)
    provider = serializers.CharField(max_length=40, required=False)
    error_class = serializers.ChoiceField(choices=ErrorClass.choices, required=False)
    related_type = serializers.CharField(max_length=40, required=False)
    related_id = serializers.IntegerField(min_value=1, max_value=MAX_ID, required=False)
    started_from = serializers.DateTimeField(required=False)
    started_until = serializers.DateTimeField(required=False, help_text="Not included.")


class AiCallViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[AiCall]):
    """The journal of the account's calls, newest first."""

    serializer_class = AiCallSerializer
    filters_class = AiCallFilters
    orders = {"id": "pk", "started_at": "started_at"}
    default_order = "-id"

    def get_queryset(self) -> QuerySet[AiCall]:
        return selectors.ai_calls(account=self.account, **self.filters)
