"""How clusters came to be and what people made of them: builds, proposals, edits."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from igny8_core.auth.models import SiteSectorBaseModel, choices_check
from igny8_core.business.planning.model_keys import KEYWORD_LENGTH, SCOPE, scope_key, sector_key
from igny8_core.business.planning.states import ChangeKind, EditKind, ProposalStatus
from igny8_core.common.tenancy.constraints import StatusTrail
from igny8_core.common.tenancy.managers import aligned


class ClusterBuild(SiteSectorBaseModel):
    """A clustering of a whole sector: what its clusters rest on once it is applied.

    The newest applied build is the base: later keywords are held against it with its frequencies
    and its threshold, and its merges are what another granularity is cut from.
    """

    clusterer_version = models.PositiveIntegerField()
    language = models.CharField(max_length=16)
    parameters = models.JSONField(default=dict, help_text="Thresholds, search, seed, links.")
    topic_tau = models.FloatField(help_text="Mean similarity at which topics were cut.")
    input_fingerprint = models.CharField(max_length=64)
    keywords_count = models.PositiveIntegerField()
    topics_count = models.PositiveIntegerField()
    frequencies = models.BinaryField(help_text="How often words occur; see services.cluster_build.")
    merges = models.BinaryField(help_text="Keywords and the tree over them; same place.")
    applied_at = models.DateTimeField(null=True, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            scope_key("clusterbuild_key"),
            models.CheckConstraint(
                condition=Q(topic_tau__gt=0, topic_tau__lt=1), name="clusterbuild_tau"
            ),
        ]
        indexes = [models.Index(fields=["account", "sector", "-id"], name="clusterbuild_newest")]


class ClusterProposal(SiteSectorBaseModel):
    """A new clustering that a person may accept, whole or by cluster. Nothing is written before."""

    build = aligned("planning.ClusterBuild")
    status = models.CharField(max_length=12, choices=ProposalStatus, default=ProposalStatus.OPEN)
    input_fingerprint = models.CharField(
        max_length=64, help_text="Of what it was made from; follows its own accepted changes."
    )
    summary = models.JSONField(default=dict, help_text="Clusters before and after, and by kind.")
    changes_count = models.PositiveIntegerField(default=0)
    changes_applied = models.PositiveIntegerField(default=0)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=100, blank=True, help_text="Who, as trails say it.")

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            scope_key("clusterproposal_key"),
            sector_key("clusterproposal_build", "build", "Build is of another sector."),
            choices_check("status", ProposalStatus, "clusterproposal_status"),
            StatusTrail(name="clusterproposal_status_trail"),
            models.UniqueConstraint(
                fields=SCOPE,
                condition=Q(status=ProposalStatus.OPEN),
                name="clusterproposal_one_open",
            ),
            models.CheckConstraint(
                condition=Q(status=ProposalStatus.OPEN) | Q(decided_at__isnull=False),
                name="clusterproposal_decided_at",
            ),
            models.CheckConstraint(
                condition=Q(changes_applied__lte=models.F("changes_count")),
                name="clusterproposal_applied",
            ),
        ]
        indexes = [models.Index(fields=["account", "sector", "-id"], name="clusterproposal_list")]


class ClusterChange(SiteSectorBaseModel):
    """What a proposal would make of one cluster. Clusters that stay as they are have none."""

    proposal = aligned("planning.ClusterProposal")
    number = models.PositiveIntegerField(help_text="Place in the proposal, from 1.")
    kind = models.CharField(max_length=10, choices=ChangeKind)
    cluster = aligned(
        "planning.Clusters",
        models.SET_NULL,
        null=True,
        blank=True,
        help_text="The cluster that lives on; none for a new one.",
    )
    name = models.CharField(max_length=KEYWORD_LENGTH)
    old_name = models.CharField(max_length=KEYWORD_LENGTH, blank=True)
    intent = models.CharField(max_length=16, blank=True)
    keywords_count = models.PositiveIntegerField(default=0, help_text="Once it is applied.")
    keywords_before = models.PositiveIntegerField(default=0)
    moved_count = models.PositiveIntegerField(
        default=0, help_text="Keywords that come from elsewhere."
    )
    volume = models.BigIntegerField(default=0)
    sources = models.JSONField(
        default=list, help_text="[cluster id, name, keywords] of where its keywords are now."
    )
    targets = models.JSONField(
        default=list, help_text="[change number, name, keywords] of where others of its go."
    )
    placements = models.JSONField(default=dict, help_text="Columns of services.cluster_diff.")
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            sector_key("clusterchange_proposal", "proposal", "Proposal is of another sector."),
            sector_key(
                "clusterchange_cluster",
                "cluster",
                "Cluster is in another sector.",
                set_null=["cluster"],
            ),
            models.UniqueConstraint(
                fields=["account", "proposal", "number"], name="clusterchange_once"
            ),
            choices_check("kind", ChangeKind, "clusterchange_kind"),
        ]

    def __str__(self) -> str:
        return self.name


class ClusterEdit(SiteSectorBaseModel):
    """What a person did to clusters, with what it takes to undo it."""

    kind = models.CharField(max_length=10, choices=EditKind)
    summary = models.CharField(max_length=500)
    actor = models.CharField(
        max_length=100, blank=True, help_text="Who, as trails say it; empty: a process."
    )
    before: Any = models.JSONField(default=dict, help_text="Rows as they were.")
    after: Any = models.JSONField(default=dict, help_text="The same rows as the edit left them.")
    undone_at = models.DateTimeField(null=True, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            scope_key("clusteredit_key"),
            choices_check("kind", EditKind, "clusteredit_kind"),
        ]
        indexes = [models.Index(fields=["account", "sector", "-id"], name="clusteredit_list")]

    def __str__(self) -> str:
        return self.summary
