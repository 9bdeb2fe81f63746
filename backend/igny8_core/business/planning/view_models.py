"""Lists as people like to see them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from igny8_core.auth.models import AccountBaseModel, User, choices_check
from igny8_core.business.planning.states import ViewKind


class SavedView(AccountBaseModel):
    """Filters, order and columns of a list, under a name. Its owner's, or everybody's.

    What the filters may hold is ``services.saved_views``; a cluster that is gone leaves a view
    that finds nothing.
    """

    owner = models.ForeignKey(User, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=ViewKind, default=ViewKind.KEYWORDS)
    name = models.CharField(max_length=100)
    name_norm = models.CharField(max_length=100, editable=False)
    filters = models.JSONField(default=dict, blank=True)
    sort = models.CharField(max_length=32, blank=True)
    columns = models.JSONField(default=list, blank=True)
    is_shared = models.BooleanField(default=False, help_text="All members of the account see it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "owner", "kind", "name_norm"], name="savedview_name"
            ),
            choices_check("kind", ViewKind, "savedview_kind"),
            models.CheckConstraint(condition=~Q(name_norm=""), name="savedview_named"),
        ]

    def __str__(self) -> str:
        return self.name

    def fill_context(self) -> None:
        """Names are compared case-folded."""
        self.name_norm = self.name.casefold()[:100]
        super().fill_context()
