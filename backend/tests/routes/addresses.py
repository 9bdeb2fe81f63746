"""Every address of the API and the web app, as Django's resolver has it, with ids filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>(?:\[[^]]*\]|[^()])*\)")
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Route:
    """One address.

    :ivar path: with its parameters as ``<name>``.
    :ivar view: the class behind it, where it has one.
    :ivar actions: method to the viewset's action; empty for anything else.
    """

    path: str
    view: Any
    actions: tuple[tuple[str, str], ...] = ()

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"<(\w+)>", self.path)

    @property
    def model(self) -> Any:
        """What ``pk`` in the address is a key of."""
        return getattr(self.view, "row_model", None) or self.view.serializer_class.Meta.model

    def address(self, values: Mapping[str, Any]) -> str:
        """The address with a value for each parameter."""
        return re.sub(r"<(\w+)>", lambda found: str(values[found[1]]), self.path)


def routes() -> list[Route]:
    """Every address once."""
    found = {route.path: route for route in _walk(get_resolver().url_patterns, "/")}
    return [found[path] for path in sorted(found)]


def api_routes() -> list[Route]:
    return [route for route in routes() if route.path.startswith("/api/")]


def admin_routes() -> list[Route]:
    return [route for route in routes() if route.path.startswith("/ops/admin/")]


def web_routes() -> list[Route]:
    return [r for r in routes() if not r.path.startswith(("/api/", "/ops/admin/"))]


def methods(route: Route) -> list[str]:
    """What an address of the API answers to, in upper case."""
    if route.actions:
        return sorted(method.upper() for method, _ in route.actions if method != "head")
    return sorted(name.upper() for name in METHODS if hasattr(route.view, name))


def _walk(patterns: Any, prefix: str) -> Iterator[Route]:
    for entry in patterns:
        path = prefix + _readable(str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, path)
        elif isinstance(entry, URLPattern):
            view = getattr(entry.callback, "cls", None) or getattr(
                entry.callback, "view_class", None
            )
            actions = getattr(entry.callback, "actions", None) or {}
            yield Route(path, view, tuple(sorted(actions.items())))


def _readable(pattern: str) -> str:
    text = PARAMETER.sub(lambda found: f"<{found[1] or found[2]}>", pattern)
    return re.sub(r"\\Z|[\^$]", "", text)
