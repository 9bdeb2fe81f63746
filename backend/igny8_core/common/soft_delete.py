"""Rows that can be taken back: ``deleted_at`` instead of DELETE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from datetime import datetime

LIVE = models.Q(deleted_at__isnull=True)
"""Condition of unique constraints and list indexes of soft-deletable models."""


class SoftDeletableModel(models.Model):
    """A row that a person can delete and restore.

    Uniqueness is conditional on :data:`LIVE`. Selectors leave deleted rows out.
    """

    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_deleted(self) -> bool:
        """Whether the row is in the bin."""
        return self.deleted_at is not None

    def soft_delete(self, *, now: datetime) -> None:
        """Put the row into the bin; a repeat keeps the first time."""
        if self.deleted_at is None:
            self.deleted_at = now
            self.save(update_fields=["deleted_at"])

    def restore(self) -> None:
        """Take the row out of the bin.

        :raises django.db.IntegrityError: a live row has taken its place meanwhile.
        """
        if self.deleted_at is not None:
            self.deleted_at = None
            self.save(update_fields=["deleted_at"])
