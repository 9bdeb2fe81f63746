"""Title, description and focus keyword of a post: which SEO plugin keeps them, and how they get in.

Three ways, the first that a site takes: meta fields that it has opened in its REST interface (a
read shows them, so edits made there are noticed), a route of the plugin's own, our companion. The
routes are as the plugins' documentation has them; tests hold us to stubs of them on a real
WordPress, not to the plugins themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from igny8_core.clients.destinations import (
    PermissionMissing,
    RemoteGone,
    SiteMisconfigured,
    SiteRefused,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from igny8_core.clients.wordpress import WordPressClient

NAMES: Final = ("title", "description", "focus_keyword")


@dataclass(frozen=True)
class SeoPlugin:
    """One plugin.

    :ivar namespace: of its REST interface, by which it is recognised; empty: it has none.
    :ivar keys: its meta fields, by our names.
    :ivar routes: of its own, each with its verb and what it calls our fields; ``{id}`` is the post.
    """

    name: str
    namespace: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    routes: tuple[tuple[str, str, Mapping[str, str]], ...] = ()


PLUGINS: Final = (
    SeoPlugin(
        "yoast",
        "yoast/v1",
        {
            "title": "_yoast_wpseo_title",
            "description": "_yoast_wpseo_metadesc",
            "focus_keyword": "_yoast_wpseo_focuskw",
        },
    ),
    SeoPlugin(
        "rank_math",
        "rankmath/v1",
        {
            "title": "rank_math_title",
            "description": "rank_math_description",
            "focus_keyword": "rank_math_focus_keyword",
        },
        (
            (
                "POST",
                "rankmath/v1/updateMeta",
                {
                    "title": "meta.rank_math_title",
                    "description": "meta.rank_math_description",
                    "focus_keyword": "meta.rank_math_focus_keyword",
                },
            ),
        ),
    ),
    SeoPlugin(
        "seopress",
        "seopress/v1",
        {
            "title": "_seopress_titles_title",
            "description": "_seopress_titles_desc",
            "focus_keyword": "_seopress_analysis_target_kw",
        },
        (
            (
                "PUT",
                "seopress/v1/posts/{id}/title-description-metas",
                {"title": "title", "description": "description"},
            ),
            (
                "PUT",
                "seopress/v1/posts/{id}/target-keywords",
                {"focus_keyword": "_seopress_analysis_target_kw"},
            ),
        ),
    ),
    SeoPlugin(
        "the_seo_framework",
        "",
        {"title": "_genesis_title", "description": "_genesis_description"},
    ),
    SeoPlugin("aioseo", "aioseo/v1"),
)
BY_NAME: Final = {plugin.name: plugin for plugin in PLUGINS}
ALL_KEYS: Final = tuple(key for plugin in PLUGINS for key in plugin.keys.values())


def plugin_of(namespaces: Iterable[str], open_keys: Collection[str]) -> str:
    """The plugin that a site has: by its interface, else by the fields that are open; or none."""
    seen = set(namespaces)
    by_interface = [p.name for p in PLUGINS if p.namespace and p.namespace in seen]
    by_fields = [p.name for p in PLUGINS if set(p.keys.values()) & set(open_keys)]
    return next(iter([*by_interface, *by_fields]), "")


def open_keys_of(name: str, open_keys: Collection[str]) -> list[str]:
    """Fields that we can write through the REST interface, of the plugin that reads them."""
    return [key for key in BY_NAME[name].keys.values() if key in open_keys] if name else []


@dataclass(frozen=True)
class SeoWriter:
    """How SEO fields get into one site without the companion.

    :ivar name: of its plugin; empty without one.
    :ivar open_keys: its meta fields that the REST interface takes.
    """

    name: str
    open_keys: Collection[str]

    def fields(self, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
        """What goes with the post as its meta, and what only further requests can write."""
        plugin = BY_NAME.get(self.name)
        if plugin is None:
            return {}, {}
        meta = {
            plugin.keys[name]: value
            for name, value in values.items()
            if plugin.keys.get(name) in self.open_keys
        }
        if meta or not plugin.routes:
            return meta, {}
        return {}, dict(values)

    def send(self, client: WordPressClient, post_id: str, values: Mapping[str, Any]) -> list[str]:
        """The further requests; names of fields that the site did not take.

        The post is written by now: a plugin that refuses, or has gone, is no reason to fail it.
        """
        missing: list[str] = []
        for verb, route, names in BY_NAME[self.name].routes:
            body = _body(names, values)
            if verb == "POST":
                body |= {"objectID": int(post_id), "objectType": "post"}
            send = client.post if verb == "POST" else client.put
            try:
                send(route.format(id=post_id), body)
            except (SiteRefused, SiteMisconfigured, PermissionMissing, RemoteGone):
                missing += [f"seo:{name}" for name in names]
        return missing


def _body(names: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Our values under the plugin's words; a dot makes an object."""
    body: dict[str, Any] = {}
    for name, word in names.items():
        outer, dot, inner = word.partition(".")
        if dot:
            body.setdefault(outer, {})[inner] = values[name]
        else:
            body[outer] = values[name]
    return body
