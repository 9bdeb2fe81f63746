"""Writing tasks, articles and images, and answers as models give them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from django.db import connection

from igny8_core.ai.ports import Capabilities
from igny8_core.ai.providers.fake import FakeProvider
from igny8_core.business.content.models import Content, Images, Tasks
from igny8_core.business.content.services.article_blocks import (
    blocks_word_count,
    parse_blocks,
    render_html,
)
from igny8_core.business.content.states import ContentStatus
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import tenant
from tests.make import billing as make_billing
from tests.make import planning as make_planning
from tests.make.tenancy import unique

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from igny8_core.ai.ports import TextRequest
    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.planning.models import Clusters

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
KEYWORDS = ("salon chair", "hydraulic salon chair", "barber chair", "styling chair")
TEXT = (
    "A chair that is used all day has to be strong, and its cover has to be easy to clean. "
    "The base decides how steady it stands, so look at it before you look at the colour. "
    "Padding that comes back slowly is kinder to the person who sits on it for an hour. "
    "Ask for a sample of the cover and put it next to the floor of the room. "
)
BLOCKS: list[dict[str, Any]] = [
    {"id": "b1", "type": "paragraph", "text": "A sofa is a long decision. Measure first."},
    {"id": "b2", "type": "heading", "text": "How to measure"},
    {"id": "b3", "type": "paragraph", "text": "Walk around it with a tape."},
]


class Writer(FakeProvider):
    """A model that answers every request with new and usable sentences about chairs."""

    def __init__(
        self,
        script: Iterable[Any] = (),
        *,
        sentence_of: Callable[[int], str] | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(script, **fields)
        self.sentence_of = sentence_of or sentence
        self._given = 0

    def generate(self, request: TextRequest) -> Any:
        answer = super().generate(request)
        return answer if answer.text != "A sentence." else _again(self, answer, request)


def _again(writer: Writer, answer: Any, request: TextRequest) -> Any:
    with writer._lock:
        number = writer._given
        writer._given += 1
    wanted = max(1, round((request.max_tokens - 80) / 3 / 16))
    chosen = (writer.sentence_of(number * 16 + place) for place in range(wanted))
    return type(answer)(" ".join(chosen), prompt_tokens=50, completion_tokens=60)


_WHO = (
    ("A patient owner", "Every careful buyer", "The person in charge", "Whoever cleans the room"),
    ("checks the base", "looks under the cover", "feels the padding", "moves the lever slowly"),
    ("before the first guest arrives", "after a long working day", "once in every season"),
    ("because small faults grow", "so that repairs stay cheap", "and writes the result down"),
    ("with a dry cloth at hand", "in good light", "without any hurry", "beside an open window"),
)


def sentence(number: int) -> str:
    """One of many different sentences about a chair."""
    chosen, left = [], number
    for phrases in _WHO:
        left, place = divmod(left * 7 + 3, len(phrases))
        chosen.append(phrases[place])
    return " ".join(chosen) + f" near shelf {number}."


_WER: Final = (
    ("Ein geduldiger Besitzer", "Jede sorgfältige Käuferin", "Die verantwortliche Person"),
    (
        "prüft den Fuß",
        "schaut unter den Bezug",
        "bewegt den Hebel langsam",
        "tastet das Polster ab",
    ),
    ("bevor der erste Gast kommt", "nach einem langen Arbeitstag", "einmal in jeder Saison"),
    ("weil kleine Schäden größer werden", "damit die Reparatur nicht teuer wird"),
    ("mit einem trockenen Tuch", "bei gutem Licht", "ohne jede Eile", "neben dem offenen Fenster"),
)


def german_sentence(number: int) -> str:
    """One of many different German sentences about a chair."""
    chosen, left = [], number
    for phrases in _WER:
        left, place = divmod(left * 7 + 3, len(phrases))
        chosen.append(phrases[place])
    return f"{' '.join(chosen)} und notiert es auf dem Blatt {number}."


def writer(script: Iterable[Any] = (), *, is_demo: bool = False, **fields: Any) -> Writer:
    """A capable model, or the demo model."""
    capabilities = Capabilities(is_free=True, is_demo=is_demo)
    return Writer(script, capabilities=capabilities, **fields)


def rich_account(credits: int = 1_000) -> Account:  # noqa: A002 - the product's word
    """An account that can pay."""
    return make_billing.account_with(credits)


def cluster(account: Account, *keywords: str, **site: Any) -> Clusters:
    """A cluster of a new site, with its keywords."""
    sector = make_planning.sector(account, **site)
    texts = keywords or KEYWORDS
    found = make_planning.cluster(sector, texts[0])
    make_planning.keywords(sector, texts, cluster=found)
    return found


def writing_task(cluster: Clusters, **fields: Any) -> Tasks:
    """A writing task that waits."""
    fields.setdefault("title", "Salon chairs: a short buying guide")
    fields.setdefault("keywords", "\n".join(KEYWORDS))
    fields.setdefault("target_word_count", 500)
    return Tasks.unscoped.create(sector=cluster.sector, cluster=cluster, **fields)


def article(sector: Sector, **fields: Any) -> Content:
    """A draft with a short text."""
    blocks = parse_blocks(fields.pop("blocks", BLOCKS))
    slug = fields.setdefault("slug", unique("article"))
    fields.setdefault("title", slug.replace("-", " ").capitalize())
    if fields.get("status") == ContentStatus.PUBLISHED:
        fields.setdefault("published_at", NOW)
    fields.setdefault("html", render_html(blocks))
    fields.setdefault("word_count", blocks_word_count(blocks))
    return Content.unscoped.create(
        sector=sector, blocks=[block.model_dump(mode="json") for block in blocks], **fields
    )


_TEXTS = count()
_SYLLABLES: Final = ("ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve")
FIT: Final[dict[str, str]] = {
    "title": "How to choose a sofa that lasts for years",
    "meta_description": (
        "What to look at before you buy a sofa: frame, cover, size, and what it costs to keep."
    ),
    "primary_keyword": "sofa",
}


def own_sentence(number: int) -> str:
    """A sentence whose words no other number has, but for small ones."""
    a, b, c, d, e, f = (_own_word(6 * number + place) for place in range(6))
    return f"The {a} of a {b} is {c} when the {d} has {e} near {f}."


def _own_word(number: int) -> str:
    found = ""
    for _ in range(7):
        number, place = divmod(number, len(_SYLLABLES))
        found += _SYLLABLES[place]
    return found


def own_blocks(sentences: int = 24, *, text: int | None = None) -> list[dict[str, Any]]:
    """So many sentences of 13 words below two headings, which no other text has.

    :param text: which of the texts, to have it twice; by default one that was never made.
    """
    first = 1_000 * (next(_TEXTS) if text is None else text)
    said = [own_sentence(first + place) for place in range(sentences)]
    half = sentences // 2
    return [
        {"id": "b1", "type": "heading", "text": "What to look at first"},
        {"id": "b2", "type": "paragraph", "text": " ".join(said[:half])},
        {"id": "b3", "type": "heading", "text": "How it is kept"},
        {"id": "b4", "type": "paragraph", "text": " ".join(said[half:])},
    ]


def fit_article(sector: Sector, **fields: Any) -> Content:
    """An article of a person that every gate lets pass: 323 words, two headings, all fields."""
    if "blocks" not in fields:
        fields["blocks"] = own_blocks()
    return article(sector, **FIT | fields)


def machine_article(sector: Sector, **fields: Any) -> Content:
    """An article of a capable model that every gate lets pass, with its provenance."""
    blocks = fields.setdefault("blocks", own_blocks())
    origin = {"origin": "model", "provider": "fake", "model": "writer"}
    fields.setdefault("excerpt", "What to look at before you buy.")
    fields.setdefault("meta_title", FIT["title"])
    fields["provenance"] = {
        "origin": "model",
        "is_demo": False,
        "blocks": {block["id"]: origin for block in blocks},
        **fields.get("provenance", {}),
    }
    return fit_article(sector, **fields)


def image(content: Content, **fields: Any) -> Images:
    """A cover that waits to be made."""
    fields.setdefault("alt", f"Cover: {content.title}")
    fields.setdefault("provenance", {"origin": "rules"})
    return Images.unscoped.create(content=content, **fields)


def articles_of(account: Account) -> list[Content]:
    """Every live article of an account."""
    with tenant(account.pk):
        return list(Content.objects.for_account(account).filter(LIVE).order_by("pk"))


def many(clusters: Sequence[Clusters], count: int) -> None:
    """So many writing tasks, each with its article and its image, of each cluster; quickly."""
    ids = [cluster.pk for cluster in clusters]
    with connection.cursor() as cursor:
        cursor.execute(_MANY_TASKS, [count, ids])
        cursor.execute(_MANY_ARTICLES, [ids])
        cursor.execute(_MANY_IMAGES, [ids])
        cursor.execute("ANALYZE content_tasks, content_content, content_images")


_MANY_TASKS = """
INSERT INTO content_tasks (
       account_id, site_id, sector_id, cluster_id, title, description, content_type,
       content_structure, role, keywords, target_word_count, status, last_error, created_at,
       updated_at)
SELECT c.account_id, c.site_id, c.sector_id, c.id, 'Title ' || n * 7919 %% 10007, '', 'post',
       'article', 'supporting', '', 500, 'completed', '', now(), now()
  FROM generate_series(1, %s) n CROSS JOIN planning_clusters c WHERE c.id = ANY(%s)
"""
_MANY_ARTICLES = """
INSERT INTO content_content (
       account_id, site_id, sector_id, cluster_id, task_id, title, html, blocks, word_count,
       content_type, content_structure, language, slug, meta_title, meta_description, excerpt,
       primary_keyword, secondary_keywords, status, version, review_note, source, sync_status,
       external_id, external_url, external_type, external_metadata, provenance, created_at,
       updated_at)
SELECT t.account_id, t.site_id, t.sector_id, t.cluster_id, t.id, t.title, '', '[]', 0, 'post',
       'article', 'en', 'slug-' || t.id, '', '', '', '', '[]', 'draft', 1, '', 'igny8', 'native',
       '', '', '', '{}', '{}', now(), now() - t.id %% 977 * interval '1 hour'
  FROM content_tasks t WHERE t.cluster_id = ANY(%s)
"""
_MANY_IMAGES = """
INSERT INTO content_images (
       account_id, site_id, sector_id, content_id, image_type, status, position, prompt, alt,
       caption, path, url, variants, digital_source_type, provenance, error, attempt, created_at,
       updated_at)
SELECT c.account_id, c.site_id, c.sector_id, c.id, 'featured', 'pending', 0, '', 'x', '', '', '',
       '[]', '', '{}', '', 1, now(), now()
  FROM content_content c WHERE c.cluster_id = ANY(%s)
"""
