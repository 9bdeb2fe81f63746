"""Migrate without rebuilding every model class for every constraint.

Django renders a model and all that are related to it again after each AddConstraint and AddIndex.
With three hundred of them on models that all point at the account that is nearly all the time of a
first migration. The operations themselves only look at fields and at the object they add, so it is
enough to add it to the class that is there. Any other operation still renders as Django does.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db.migrations.state import ProjectState

if TYPE_CHECKING:
    from collections.abc import Iterator

DJANGO_METHOD = "_append_option"


@contextmanager
def constraints_added_in_place() -> Iterator[None]:
    """For one migration run: AddConstraint and AddIndex do not render models again."""
    original = getattr(ProjectState, DJANGO_METHOD)
    setattr(ProjectState, DJANGO_METHOD, _append_in_place)
    try:
        yield
    finally:
        setattr(ProjectState, DJANGO_METHOD, original)


def _append_in_place(
    state: Any, app_label: str, model_name: str, option_name: str, added: Any
) -> None:
    options = state.models[app_label, model_name].options
    options[option_name] = [*options[option_name], added]
    if "apps" in state.__dict__:  # rendered
        meta = state.apps.get_model(app_label, model_name)._meta
        setattr(meta, option_name, [*getattr(meta, option_name), added.clone()])
