"""Saved views: lists as people like to see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import JsonObject
from igny8_core.api.filters import Filters
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.auth.models import User
from igny8_core.auth.states import Role
from igny8_core.business.planning import selectors
from igny8_core.business.planning.models import SavedView
from igny8_core.business.planning.services import saved_views
from igny8_core.business.planning.states import ViewKind
from igny8_core.common.errors import Refused

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

MAX_COLUMNS = 50
MAX_SORT = 32


class SavedViewSerializer(serializers.ModelSerializer[SavedView]):
    """Filters, order and columns of a list, under a name."""

    filters = JsonObject(read_only=True)
    columns = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = SavedView
        fields = (
            "id",
            "owner",
            "kind",
            "name",
            "filters",
            "sort",
            "columns",
            "is_shared",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ViewFieldsForm(Body):
    """What a view says."""

    name = serializers.CharField(max_length=saved_views.MAX_NAME)
    filters = JsonObject(required=False, help_text="By name, as the list takes them.")
    sort = serializers.CharField(max_length=MAX_SORT, required=False, allow_blank=True)
    columns = serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=MAX_COLUMNS, required=False
    )
    is_shared = serializers.BooleanField(
        required=False, help_text="All members see it; takes the role editor."
    )


class NewViewForm(ViewFieldsForm):
    """A new view."""

    kind = serializers.ChoiceField(
        choices=ViewKind.choices, required=False, default=ViewKind.KEYWORDS.value
    )


class ViewFilters(Filters):
    """Narrows views down."""

    kind = serializers.ChoiceField(choices=ViewKind.choices, required=False)


class SavedViewViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[SavedView]):
    """A person's own views, and those that are shared. A program sees the shared ones."""

    serializer_class = SavedViewSerializer
    filters_class = ViewFilters
    write_role = Role.VIEWER

    def get_queryset(self) -> QuerySet[SavedView]:
        return selectors.saved_views(account=self.account, user_id=self.user_id, **self.filters)

    @extend_schema(request=NewViewForm, responses={201: SavedViewSerializer})
    def create(self, _request: Request, **_path: Any) -> Response:
        """Keep a view. 409 when the person has another one of this name."""
        data = self.body(NewViewForm)
        self._check_sharing(data)
        row = saved_views.save_view(
            account=self.account, owner=self._person(), now=timezone.now(), **data
        )
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ViewFieldsForm, responses=SavedViewSerializer)
    def partial_update(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Change a view of one's own."""
        data, person = self.body(ViewFieldsForm, partial=True), self._person()
        self._check_sharing(data)
        row = saved_views.change_view(
            account=self.account, owner=person, view_id=int(pk), changes=data, now=timezone.now()
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Forget a view of one's own."""
        saved_views.delete_view(account=self.account, owner=self._person(), view_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _person(self) -> User:
        if not isinstance(self.request.user, User):
            raise Refused("A view is a person's: sign in.")
        return self.request.user

    def _check_sharing(self, data: dict[str, Any]) -> None:
        if data.get("is_shared") and not self.role.includes(Role.EDITOR):
            raise Refused(f"Sharing needs the role {Role.EDITOR.label}.", role=Role.EDITOR.value)
