"""Who gets into an account and who did what there: members, keys, visits, the trail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.response import Response
from rest_framework.views import APIView

from igny8_core.api.bodies import Body
from igny8_core.api.filters import MAX_ID, Filters
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.auth import selectors, services
from igny8_core.auth.access import api_keys, members
from igny8_core.auth.models import (
    ApiKey,
    Impersonation,
    Invitation,
    Membership,
    StatusChange,
    User,
)
from igny8_core.auth.states import KeyScope, Role

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A person's role in the account."""

    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "email", "name", "role", "created_at")
        read_only_fields = fields


class RoleSerializer(Body):
    """The role that a member is to have."""

    role = serializers.ChoiceField(choices=Role.choices)


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """A person who was asked to join and has not answered."""

    invited_by = serializers.EmailField(
        source="invited_by.email", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = Invitation
        fields = ("id", "email", "role", "invited_by", "expires_at", "created_at")
        read_only_fields = fields


class NewInvitationSerializer(Body):
    """Whom to ask, and as what."""

    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices)


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """A program's way in. Its text is told once, when it is made."""

    created_by = serializers.EmailField(
        source="created_by.email", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (
            "id",
            "name",
            "prefix",
            "scope",
            "created_by",
            "made_by",
            "expires_at",
            "last_used_at",
            "revoked_at",
            "created_at",
        )
        read_only_fields = fields


class MadeApiKeySerializer(ApiKeySerializer):
    """A new key with its text, which nobody can read again."""

    key = serializers.CharField(read_only=True, help_text="igny8_<prefix>_<secret>")

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "key")
        read_only_fields = fields


class NewApiKeySerializer(Body):
    """What a new key is called, what it may do, and until when."""

    name = serializers.CharField(max_length=100)
    scope = serializers.ChoiceField(choices=KeyScope.choices)
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="null: never."
    )


class StatusChangeSerializer(serializers.ModelSerializer[StatusChange]):
    """One step of a lifecycle: who, when, from, to, why."""

    class Meta:
        model = StatusChange
        fields = (
            "id",
            "label",
            "row_id",
            "field",
            "source",
            "target",
            "actor",
            "reason",
            "changed_at",
        )
        read_only_fields = fields


class StatusChangeFilters(Filters):
    """Narrows the trail down to a model, and to one row of it."""

    label = serializers.CharField(  # type: ignore[assignment]  # named like an option of fields
        max_length=64,
        required=False,
        allow_blank=True,
        help_text="The model, such as content.Content.",
    )
    row_id = serializers.IntegerField(
        min_value=1, max_value=MAX_ID, required=False, help_text="Needs a label."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A row is named by both."""
        if "row_id" in attrs and "label" not in attrs:
            raise serializers.ValidationError({"label": ["Say which model the row is of."]})
        return attrs


class ImpersonationSerializer(serializers.ModelSerializer[Impersonation]):
    """A visit of our staff: why, as what, from when to when."""

    class Meta:
        model = Impersonation
        fields = ("id", "role", "reason", "started_at", "ends_at", "ended_at")
        read_only_fields = fields


class PersonSerializer(serializers.ModelSerializer[User]):
    """The person who asks."""

    class Meta:
        model = User
        fields = ("id", "email", "name", "is_staff", "date_joined")
        read_only_fields = fields


class PersonChanges(Body):
    """How others see the person; an empty name shows the address."""

    name = serializers.CharField(max_length=150, allow_blank=True)


class MeView(APIView):
    """The person who is signed in; programs are nobody in person."""

    @extend_schema(responses=PersonSerializer)
    def get(self, request: Request) -> Response:
        """Who asks."""
        return Response(PersonSerializer(cast("User", request.user)).data)

    @extend_schema(request=PersonChanges, responses=PersonSerializer)
    def patch(self, request: Request) -> Response:
        """Change the name."""
        form = PersonChanges(data=request.data)
        form.is_valid(raise_exception=True)
        person = cast("User", request.user)
        found = services.rename_person(person=person, name=form.validated_data["name"])
        return Response(PersonSerializer(found).data)


class MemberViewSet(mixins.ListModelMixin, TenantViewSet[Membership]):
    """Who belongs to the account."""

    serializer_class = MemberSerializer
    write_role = Role.ADMIN
    suspended_actions = frozenset({"destroy"})

    def get_queryset(self) -> QuerySet[Membership]:
        return selectors.members(account=self.account)

    @extend_schema(request=RoleSerializer, responses=MemberSerializer)
    def partial_update(self, request: Request, pk: str, **_path: Any) -> Response:
        """Give a member another role. 403 beyond your own, 409 for the last owner."""
        form = RoleSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        row = members.change_role(
            account=self.account,
            membership_id=int(pk),
            role=form.validated_data["role"],
            granting=self.role,
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Take a membership away. 403 beyond your own role, 409 for the last owner."""
        members.remove_member(account=self.account, membership_id=int(pk), granting=self.role)
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationViewSet(mixins.ListModelMixin, TenantViewSet[Invitation]):
    """Open invitations."""

    serializer_class = InvitationSerializer
    write_role = Role.ADMIN
    suspended_actions = frozenset({"destroy"})

    def get_queryset(self) -> QuerySet[Invitation]:
        return selectors.invitations(account=self.account)

    @extend_schema(request=NewInvitationSerializer, responses={201: InvitationSerializer})
    def create(self, request: Request, **_path: Any) -> Response:
        """Ask a person to join, by mail. 403 when the plan allows no more people."""
        form = NewInvitationSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        row = members.invite_member(
            account=self.account,
            email=form.validated_data["email"],
            role=form.validated_data["role"],
            invited_by=request.user if isinstance(request.user, User) else None,
            granting=self.role,
            accept_url=lambda token: request.build_absolute_uri(
                reverse("accept_invitation", args=[token])
            ),
            now=timezone.now(),
        )
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Take an invitation back: its link stops working."""
        members.revoke_invitation(account=self.account, invitation_id=int(pk), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class ApiKeyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[ApiKey]):
    """Keys of programs, revoked ones included; for admins, and for keys of the scope `admin`."""

    serializer_class = ApiKeySerializer
    read_role = Role.ADMIN
    write_role = Role.ADMIN
    default_order = "-id"
    suspended_actions = frozenset({"destroy"})
    secret_actions = frozenset({"create"})

    def get_queryset(self) -> QuerySet[ApiKey]:
        return selectors.api_keys(account=self.account)

    @extend_schema(request=NewApiKeySerializer, responses={201: MadeApiKeySerializer})
    def create(self, request: Request, **_path: Any) -> Response:
        """Make a key that may do at most what the caller may. Its text is in this answer alone.

        An Idempotency-Key is not honoured: the answer is kept nowhere.
        """
        form = NewApiKeySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        row, text = api_keys.create_api_key(
            account=self.account,
            name=form.validated_data["name"],
            scope=form.validated_data["scope"],
            expires_at=form.validated_data["expires_at"],
            created_by=request.user if isinstance(request.user, User) else None,
            granting=self.role,
            now=timezone.now(),
        )
        row.key = text  # type: ignore[attr-defined]  # only for the answer
        answer = Response(MadeApiKeySerializer(row).data, status=status.HTTP_201_CREATED)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Revoke a key: it stops working at once and stays in the list."""
        api_keys.revoke_api_key(account=self.account, key_id=int(pk), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class StatusChangeViewSet(mixins.ListModelMixin, TenantViewSet[StatusChange]):
    """The trail: every step of every lifecycle, newest first."""

    serializer_class = StatusChangeSerializer
    filters_class = StatusChangeFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[StatusChange]:
        return selectors.status_changes(account=self.account, **self.filters)


class ImpersonationViewSet(mixins.ListModelMixin, TenantViewSet[Impersonation]):
    """Visits of our staff, newest first; for admins."""

    serializer_class = ImpersonationSerializer
    read_role = Role.ADMIN
    default_order = "-id"

    def get_queryset(self) -> QuerySet[Impersonation]:
        return selectors.impersonations(account=self.account)
