"""A site as its visitors see it: its look, what is live, its preview."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.api.v1.work import WorkItemSerializer
from igny8_core.auth import selectors as accounts
from igny8_core.auth.models import Site
from igny8_core.auth.states import Role
from igny8_core.business.automation.services import asking
from igny8_core.business.publishing import selectors
from igny8_core.business.publishing.services import site_options
from igny8_core.business.publishing.services.preview_site import current_preview
from igny8_core.business.publishing.services.site_look import themes
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class PreviewSerializer(serializers.Serializer[Any]):
    """A build with all drafts, at a link that nobody can guess. Valid for a week."""

    url = serializers.CharField()
    expires_at = serializers.DateTimeField()
    articles = serializers.IntegerField()
    drafts = serializers.IntegerField(help_text="Of the articles, those that are not published.")
    files = serializers.IntegerField()
    size_bytes = serializers.IntegerField()


class OptionsSerializer(serializers.Serializer[Any]):
    """What a site's editors choose for it."""

    theme = serializers.CharField()
    colour_scheme = serializers.ChoiceField(choices=site_options.SCHEMES)
    accent = serializers.CharField(help_text="#rrggbb; empty: one chosen by the name.")
    tagline = serializers.CharField(help_text="Empty: made from the largest topics.")
    base_url = serializers.CharField(help_text="The site's own address; empty: ours.")
    has_search = serializers.BooleanField()
    has_llms_txt = serializers.BooleanField()
    ai_crawlers = serializers.BooleanField(help_text="Whether robots.txt lets them in.")
    indexnow_key = serializers.CharField(help_text="Public; empty: search engines are not told.")


class OptionChanges(Body):
    """What is sent is changed; it shows with the next deployment."""

    theme = serializers.CharField(max_length=40, required=False)
    colour_scheme = serializers.ChoiceField(choices=site_options.SCHEMES, required=False)
    accent = serializers.CharField(max_length=7, required=False, allow_blank=True)
    tagline = serializers.CharField(max_length=160, required=False, allow_blank=True)
    base_url = serializers.CharField(max_length=500, required=False, allow_blank=True)
    has_search = serializers.BooleanField(required=False)
    has_llms_txt = serializers.BooleanField(required=False)
    ai_crawlers = serializers.BooleanField(required=False)
    indexnow = serializers.BooleanField(
        required=False, help_text="Tell search engines of changes: a key is made, or dropped."
    )


class StaticSiteSerializer(serializers.Serializer[Any]):
    """A static site."""

    id = serializers.IntegerField()
    url = serializers.CharField()
    live_version = serializers.IntegerField(allow_null=True)
    live_deployment = serializers.IntegerField(allow_null=True)
    options = OptionsSerializer()
    themes = serializers.ListField(child=serializers.CharField())
    preview = PreviewSerializer(allow_null=True)


class StaticSiteViewSet(TenantViewSet[Site]):
    """A site as its visitors see it, by the site's number."""

    row_model = Site
    serializer_class = StaticSiteSerializer
    spending_actions: ClassVar[frozenset[str]] = frozenset({"preview"})
    action_roles: ClassVar[dict[str, Role]] = {"partial_update": Role.ADMIN}
    open_actions: ClassVar[frozenset[str]] = frozenset({"retrieve", "partial_update"})

    def get_queryset(self) -> QuerySet[Site]:
        return accounts.sites(account=self.account)

    def retrieve(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Its look, what is live, and the preview, if there is one that can be looked at."""
        return Response(self._shown(int(pk)))

    @extend_schema(request=OptionChanges, responses=StaticSiteSerializer)
    def partial_update(self, request: Request, pk: str, **_path: Any) -> Response:
        """Change its look and what it carries. 422 by field; then nothing was changed."""
        form = OptionChanges(data=request.data)
        form.is_valid(raise_exception=True)
        site_options.change_site_options(
            account=self.account, site_id=int(pk), changes=form.validated_data
        )
        return Response(self._shown(int(pk)))

    @extend_schema(request=None, responses={202: WorkItemSerializer})
    @action(detail=True, methods=["post"])
    def preview(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Ask for a build with all drafts; the answer is the work item that makes it.

        Once it is done, the site's ``preview`` has the link. Nothing is published.
        """
        item = asking.request_preview(account=self.account, site_id=int(pk), now=timezone.now())
        return Response(WorkItemSerializer(item).data, status=status.HTTP_202_ACCEPTED)

    def _shown(self, site_id: int) -> dict[str, Any]:
        """Read in blocks of its own: previews may be in an object store."""
        with tenant(self.account.pk, read_only=True):
            site = accounts.site(account=self.account, site_id=site_id)
            live = selectors.live_deployment(account=self.account, site=site)
        found = {
            "id": site.pk,
            "url": selectors.site_url(site=site),
            "live_version": live.version if live else None,
            "live_deployment": live.pk if live else None,
            "options": site_options.options_of(site),
            "themes": themes(),
            "preview": current_preview(account=self.account, site=site, now=timezone.now()),
        }
        shown: dict[str, Any] = StaticSiteSerializer(found).data
        return shown
