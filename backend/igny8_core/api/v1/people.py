"""Members of an account and open invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.response import Response

from igny8_core.api.v1.base import TenantViewSet
from igny8_core.auth import selectors
from igny8_core.auth.access import members
from igny8_core.auth.models import Invitation, Membership, User
from igny8_core.auth.states import Role

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


class RoleSerializer(serializers.Serializer[Any]):
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


class NewInvitationSerializer(serializers.Serializer[Any]):
    """Whom to ask, and as what."""

    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices)


class MemberViewSet(mixins.ListModelMixin, TenantViewSet[Membership]):
    """Who belongs to the account."""

    serializer_class = MemberSerializer
    write_role = Role.ADMIN

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
