"""Title, description and focus keyword, by what a site takes.

No SEO plugin can be installed without a network: ``php/seo.php`` shows what each of them shows to
the outside (fields in the REST interface, routes of its own), on the real WordPress.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from igny8_core.business.integration.services.check import check_integration
from tests.fakes import faulty_http
from tests.make import publishing as make
from tests.make.wordpress import connected_site
from tests.wordpress.test_publish import publish

if TYPE_CHECKING:
    from igny8_core.business.content.models import Content
    from tests.wordpress.server import RealWordPress

pytestmark = pytest.mark.django_db

SEO = {
    "meta_title": "Leather sofas & how to choose one",
    "meta_description": "What to measure, and which leather lasts.",
    "primary_keyword": "leather sofa",
}
KEYS = {
    "yoast": ["_yoast_wpseo_title", "_yoast_wpseo_metadesc", "_yoast_wpseo_focuskw"],
    "rank_math": ["rank_math_title", "rank_math_description", "rank_math_focus_keyword"],
    "seopress": [
        "_seopress_titles_title", "_seopress_titles_desc", "_seopress_analysis_target_kw",
    ],
    "the_seo_framework": ["_genesis_title", "_genesis_description"],
}  # fmt: skip
WITHOUT_COMPANION = [
    ("yoast", "yoast", "meta fields"),
    ("rank_math", "rank_math", "own route"),
    ("rank_math_fields", "rank_math", "meta fields"),
    ("seopress", "seopress", "own route"),
    ("seopress_fields", "seopress", "meta fields"),
    ("the_seo_framework", "the_seo_framework", "meta fields"),
]


def stored(wordpress: RealWordPress, post: str, keys: list[str]) -> list[str]:
    """Meta fields of a post, as its plugin would read them."""
    listed = ", ".join(f"'{key}'" for key in keys)
    found: list[str] = wordpress.php(
        f"return array_map(fn($key) => get_post_meta({post}, $key, true), [{listed}]);"
    )
    return found


def said(content: Content) -> list[str]:
    return [content.meta_title, content.meta_description, content.primary_keyword]


@pytest.mark.parametrize(("shown", "plugin", "way"), WITHOUT_COMPANION)
def test_fields_go_in_without_the_companion(
    wordpress: RealWordPress, shown: str, plugin: str, way: str
) -> None:
    wordpress.show_seo_plugin(shown)
    integration, sector, clock = connected_site(wordpress)
    content = make.article(sector, **SEO)

    record = publish(integration, content, clock)
    faulty_http.reset()
    again = publish(integration, content, clock)

    assert integration.capabilities["seo"] == plugin
    report = check_integration(
        account=sector.account, integration_id=integration.pk, is_writing=False, clock=clock
    )
    assert [way in f.text for f in report.findings if f.code == "seo_writable"] == [True]
    keys = KEYS[plugin]
    assert stored(wordpress, record.destination_id, keys) == said(content)[: len(keys)]
    assert (record.metadata["drift"], again.metadata["is_written"]) == ([], False)
    assert faulty_http.writes() == []
    public = httpx.get(f"{wordpress.url}/wp-json/wp/v2/posts/{record.destination_id}").text
    assert content.primary_keyword not in public


@pytest.mark.parametrize("plugin", sorted(KEYS))
def test_fields_go_in_with_the_companion(wordpress: RealWordPress, plugin: str) -> None:
    wordpress.use_plugin(is_active=True)
    wordpress.show_seo_plugin("yoast_closed" if plugin == "yoast" else plugin)
    integration, sector, clock = connected_site(wordpress)
    content = make.article(sector, **SEO)

    record = publish(integration, content, clock)
    wordpress.use_plugin(is_active=False)

    assert (integration.capabilities["seo"], record.metadata["drift"]) == (plugin, [])
    keys = KEYS[plugin]
    assert stored(wordpress, record.destination_id, keys) == said(content)[: len(keys)]


@pytest.mark.parametrize(
    ("shown", "note"),
    [
        ("", "seo_needs_companion"),
        ("yoast_closed", "seo_needs_companion"),
        ("aioseo", "seo_not_writable"),
    ],
)
def test_fields_that_cannot_go_in_stay_with_us_and_are_noted(
    wordpress: RealWordPress, shown: str, note: str
) -> None:
    wordpress.show_seo_plugin(shown)
    integration, sector, clock = connected_site(wordpress)

    record = publish(integration, make.article(sector, **SEO), clock)

    assert record.metadata["drift"] == []
    assert note in integration.capabilities["findings"]
    everything = wordpress.php(f"return get_post_meta({record.destination_id});")
    assert [key for key in everything if key.startswith(("_yoast", "rank_math", "_seopress"))] == []


def test_a_plugin_that_turns_us_away_is_drift_and_the_article_is_live(
    wordpress: RealWordPress,
) -> None:
    wordpress.show_seo_plugin("seopress_refusing")
    integration, sector, clock = connected_site(wordpress)
    content = make.article(sector, **SEO)

    record = publish(integration, content, clock)

    assert (record.status, record.metadata["drift"]) == (
        "published",
        ["seo:title", "seo:description", "seo:focus_keyword"],
    )
    assert len(wordpress.posts(status="publish", slug_like=f"{content.slug}%")) == 1


def test_a_plugin_that_has_gone_since_the_check_is_drift(wordpress: RealWordPress) -> None:
    wordpress.show_seo_plugin("rank_math")
    integration, sector, clock = connected_site(wordpress)
    wordpress.show_seo_plugin()

    record = publish(integration, make.article(sector, **SEO), clock)

    assert record.status == "published"
    assert record.metadata["drift"] == ["seo:title", "seo:description", "seo:focus_keyword"]
