from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.ai.errors import NoTextModel, ProviderUnavailable, RequestRejected
from igny8_core.ai.models import AiCall
from igny8_core.business.billing.models import CreditReservation, CreditUsageLog
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.content.errors import GateFailed
from igny8_core.business.content.models import (
    Content,
    ContentAttribute,
    ContentClusterMap,
    ContentTaxonomy,
    ContentTaxonomyLink,
    ContentVersion,
    Tasks,
)
from igny8_core.business.content.services import generation
from igny8_core.business.content.services.check_gates import check_gates
from igny8_core.business.content.services.content_gates import as_article
from igny8_core.business.content.services.generation import generate_content
from igny8_core.business.content.states import ContentStatus, TaskStatus
from igny8_core.business.planning.services.queue_ideas import queue_ideas
from igny8_core.common.errors import InsufficientCredits, NotFound, StaleState
from igny8_core.common.tenancy.context import tenant
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db


def nothing() -> None:
    """A fence that lets everybody through."""


def write(account: Account, task: Tasks, **fields: Any) -> Content:
    values: dict[str, Any] = {
        "account": account,
        "writing_task_id": task.pk,
        "fence": nothing,
        "clock": lambda: NOW,
        "providers": [make_content.writer()],
    }
    return generate_content(**values | fields)


def rows(account: Account) -> dict[str, int]:
    """How many rows of an article there are, and what is held and spent."""
    with tenant(account.pk):
        account.refresh_from_db()
        return {
            "contents": Content.objects.for_account(account).count(),
            "versions": ContentVersion.objects.for_account(account).count(),
            "maps": ContentClusterMap.objects.for_account(account).count(),
            "links": ContentTaxonomyLink.objects.for_account(account).count(),
            "usage": CreditUsageLog.objects.for_account(account).count(),
            "held": account.credits_held,
        }


ONE = {"contents": 1, "versions": 1, "maps": 1, "links": 1, "usage": 1, "held": 0}
NONE = {"contents": 0, "versions": 0, "maps": 0, "links": 0, "usage": 0, "held": 0}


def test_an_article_is_stored_whole_and_charged_by_its_words() -> None:
    account = make_content.rich_account(100)
    cluster = make_content.cluster(account)
    idea = make_planning.idea(cluster, estimated_words=500)
    queue_ideas(account=account, idea_ids=[idea.pk], now=NOW)
    task = make_content.writing_task(cluster, idea=idea, role="hub")

    content = write(account, task)

    assert rows(account) == ONE
    task.refresh_from_db()
    idea.refresh_from_db()
    assert (task.status, idea.status, content.status) == ("completed", "completed", "draft")
    assert 375 <= content.word_count <= 625
    assert account.credits == 100 - -(-content.word_count // 100)
    assert content.slug == "salon-chairs-a-short-buying-guide"
    assert content.primary_keyword == "salon chair"
    assert len(content.meta_title) <= 60
    assert 70 <= len(content.meta_description) <= 155
    assert content.html.startswith("<p>")
    assert "<h1" not in content.html
    assert content.provenance["is_demo"] is False
    assert content.provenance["models"] == [{"provider": "fake", "model": "fake-1"}]
    assert set(content.provenance["blocks"]) == {block["id"] for block in content.blocks}
    with tenant(account.pk):
        mapped = ContentClusterMap.objects.for_account(account).get()
        linked = ContentTaxonomyLink.objects.for_account(account).select_related("taxonomy").get()
    assert (mapped.cluster_id, mapped.role, mapped.source) == (cluster.pk, "hub", "blueprint")
    assert (linked.taxonomy.name, linked.taxonomy.taxonomy_type) == ("Salon chair", "category")


def test_a_repeat_returns_the_article_and_calls_nobody() -> None:
    account = make_content.rich_account()
    task = make_content.writing_task(make_content.cluster(account))
    first = write(account, task)
    account.refresh_from_db()
    left = account.credits
    silent = make_content.writer()

    again = write(account, task, providers=[silent])

    assert again.pk == first.pk
    assert silent.requests == []
    assert rows(account) == ONE
    assert account.credits == left < 1_000


def test_the_demo_model_is_labelled_and_helped_by_rules() -> None:
    account = make_content.rich_account()
    task = make_content.writing_task(make_content.cluster(account), target_word_count=1_200)
    weak = make_content.writer(
        default="I'm sorry, as an AI language model I cannot do that!", is_demo=True
    )

    content = write(account, task, providers=[weak])

    assert 390 <= content.word_count <= 650
    assert "language model" not in content.html
    assert content.provenance["origin"] == "rules"
    assert content.provenance["words"].keys() == {"rules"}


def test_the_demo_models_usable_sentences_are_kept_and_labelled() -> None:
    account = make_content.rich_account()
    task = make_content.writing_task(make_content.cluster(account))
    weak = make_content.writer([make_content.TEXT], is_demo=True, default="No.")

    content = write(account, task, providers=[weak])

    assert "Ask for a sample of the cover" in content.html
    assert content.provenance["is_demo"] is True
    assert content.provenance["label"] == "Written by the built-in demo model"
    demo = [b for b in content.provenance["blocks"].values() if b.get("is_demo")]
    assert [(b["origin"], b["prompt"]) for b in demo] == [("model", "content_answer/v1")]


def test_a_site_in_another_language_is_written_in_it_without_our_english() -> None:
    account = make_content.rich_account()
    cluster = make_content.cluster(account, "friseurstuhl", "barbierstuhl", language="de")
    task = make_content.writing_task(
        cluster, title="Friseurstuhl kaufen", keywords="friseurstuhl\nbarbierstuhl"
    )
    model = make_content.writer(sentence_of=make_content.german_sentence)

    content = write(account, task, providers=[model])

    assert content.language == "de"
    assert ">Barbierstuhl: Größe und Maße</h2>" in content.html
    assert all("in German" in request.system for request in model.requests)


@pytest.mark.parametrize("at", ["work", "fence", "store", "finish"])
def test_a_crash_leaves_nothing_and_the_next_attempt_one_article(
    at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_content.rich_account()
    task = make_content.writing_task(make_content.cluster(account))
    model = make_content.writer()

    class Killed(BaseException):
        """The process ends here: nothing may clean up."""

    def killed(*_args: Any, **_fields: Any) -> None:
        raise Killed

    fields: dict[str, Any] = {"providers": [model]}
    with monkeypatch.context() as patch:
        if at == "work":
            patch.setattr(generation, "assemble", killed)
        elif at == "fence":
            fields["fence"] = killed
        elif at == "store":
            patch.setattr(generation, "keep_version", killed)
        else:
            patch.setattr(AccountCredits, "capture", killed)
        with pytest.raises(Killed):
            write(account, task, **fields)
    stored = rows(account)
    asked = len(model.requests)

    content = write(account, task, providers=[model])

    assert stored == NONE | {"held": stored["held"]}
    assert stored["held"] > 0
    assert len(model.requests) == asked  # every answer came from the journal
    assert rows(account) == ONE
    assert make_content.articles_of(account) == [content]


def test_a_crash_between_sections_pays_for_no_section_twice() -> None:
    account = make_content.rich_account()
    task = make_content.writing_task(make_content.cluster(account))

    class Killed(BaseException):
        """The process ends here."""

    class Dying(make_content.Writer):
        def generate(self, request: Any) -> Any:
            if len(self.requests) == 3:
                raise Killed
            return super().generate(request)

    with pytest.raises(Killed):
        write(account, task, providers=[Dying()])
    model = make_content.writer()

    write(account, task, providers=[model])

    with tenant(account.pk):
        calls = AiCall.objects.for_account(account).filter(status="succeeded")
        assert calls.count() == 3 + len(model.requests)
        assert len(set(calls.values_list("request_hash", flat=True))) == calls.count()


def test_a_stale_fence_stores_nothing_and_leaves_the_hold_to_the_owner() -> None:
    account = make_content.rich_account()
    task = make_content.writing_task(make_content.cluster(account))

    def stale() -> None:
        raise StaleState("another attempt owns the item")

    with pytest.raises(StaleState):
        write(account, task, fence=stale)

    found = rows(account)
    assert found == NONE | {"held": found["held"]}
    task.refresh_from_db()
    assert (task.status, task.last_error) == (TaskStatus.QUEUED, "")


def test_without_credits_nothing_is_called_or_stored() -> None:
    account = make_content.rich_account(1)
    task = make_content.writing_task(make_content.cluster(account))
    model = make_content.writer()

    with pytest.raises(InsufficientCredits):
        write(account, task, providers=[model])

    assert model.requests == []
    assert rows(account) == NONE
    task.refresh_from_db()
    assert task.status == TaskStatus.QUEUED
    assert task.last_error


@pytest.mark.parametrize(
    "error", [ProviderUnavailable("the provider is away"), RequestRejected("never")]
)
def test_a_failed_provider_costs_nothing_and_says_why(error: Exception) -> None:
    account = make_content.rich_account()
    task = make_content.writing_task(make_content.cluster(account))
    model = make_content.writer([make_content.TEXT * 3] + [error] * 9)

    with pytest.raises(type(error)):
        write(account, task, providers=[model])

    assert rows(account) == NONE
    account.refresh_from_db()
    task.refresh_from_db()
    assert account.credits == 1_000
    assert task.last_error in {"the provider is away", "never"}
    with tenant(account.pk):
        reservation = CreditReservation.objects.for_account(account).get()
    assert reservation.status == "released"
    assert write(account, task).task_id == task.pk  # a later try is free to succeed


@pytest.mark.parametrize(
    "garbage",
    [
        "As an AI language model, I cannot write this section for you today.",
        "# Heading only\n\n- one\n- two",
        "<script>alert('hello there everybody in the room')</script>",
        "word " * 400,
        "The same sentence comes again and again. " * 40,
        "This never ends because it has no full stop and goes on and on",
    ],
)
def test_a_capable_model_that_writes_rubbish_is_refused_and_not_paid(garbage: str) -> None:
    account = make_content.rich_account()
    task = make_content.writing_task(make_content.cluster(account))

    with pytest.raises(GateFailed):
        write(account, task, providers=[make_content.writer(default=garbage)])

    assert rows(account) == NONE
    task.refresh_from_db()
    assert task.last_error == "the model's answers could not be used"


def test_without_a_model_the_task_says_so() -> None:
    account = make_content.rich_account()
    task = make_content.writing_task(make_content.cluster(account))

    with pytest.raises(NoTextModel):
        write(account, task, providers=None)

    task.refresh_from_db()
    assert task.last_error.startswith("No text model")
    assert rows(account) == NONE


def test_unknown_and_foreign_tasks_are_not_found() -> None:
    account, other = make_content.rich_account(), make_content.rich_account()
    foreign = make_content.writing_task(make_content.cluster(other))

    with pytest.raises(NotFound):
        write(account, foreign)

    assert rows(other) == NONE


def test_slugs_of_one_site_stay_apart() -> None:
    account = make_content.rich_account()
    cluster = make_content.cluster(account)
    tasks = [make_content.writing_task(cluster) for _ in range(3)]

    slugs = [write(account, task).slug for task in tasks]

    stem = "salon-chairs-a-short-buying-guide"
    assert slugs == [stem, f"{stem}-2", f"{stem}-3"]


def test_an_older_article_is_linked_by_id_where_it_is_mentioned() -> None:
    account = make_content.rich_account()
    cluster = make_content.cluster(account)
    older = make_content.article(
        cluster.sector, cluster=cluster, primary_keyword="barber chair", status=ContentStatus.DRAFT
    )
    task = make_content.writing_task(cluster)
    script = [f"Compare it with a barber chair first. {make_content.TEXT * 3}"]

    content = write(account, task, providers=[make_content.writer(script)])

    assert f'<a href="#content-{older.pk}">barber chair</a>' in content.html


def test_what_hangs_on_the_task_is_the_articles_and_known_tags_are_put_on() -> None:
    account = make_content.rich_account()
    cluster = make_content.cluster(account)
    task = make_content.writing_task(cluster)
    site = cluster.sector.site
    fact = ContentAttribute.unscoped.create(
        sector=cluster.sector, task=task, attribute_type="product_spec", name="Weight", value="9"
    )
    said = ContentClusterMap.unscoped.create(task=task, cluster=cluster, role="hub")
    tag = ContentTaxonomy.unscoped.create(
        account=account, site=site, taxonomy_type="tag", name="Barber chairs", slug="barbers"
    )

    content = write(account, task)

    fact.refresh_from_db()
    said.refresh_from_db()
    assert (fact.content_id, said.content_id) == (content.pk, content.pk)
    maps = ContentClusterMap.unscoped.filter(content=content).order_by("role")
    assert list(maps.values_list("role", flat=True)) == ["hub", "supporting"]
    linked = ContentTaxonomyLink.unscoped.filter(content=content).order_by("taxonomy_id")
    assert set(linked.values_list("taxonomy__name", flat=True)) == {tag.name, "Salon chair"}


@pytest.mark.parametrize("status", [ContentStatus.PUBLISHED, ContentStatus.DRAFT])
def test_a_supporting_page_leads_to_a_hub_that_readers_can_open(status: ContentStatus) -> None:
    account = make_content.rich_account()
    cluster = make_content.cluster(account)
    hub = make_content.article(
        cluster.sector, cluster=cluster, title="All salon seats", primary_keyword="salon seat",
        status=status,
    )  # fmt: skip
    ContentClusterMap.unscoped.create(content=hub, cluster=cluster, role="hub")

    content = write(account, make_content.writing_task(cluster))

    ending = f'<p>Read more: <a href="#content-{hub.pk}">All salon seats</a>.</p>'
    assert content.html.endswith(ending) is (status == ContentStatus.PUBLISHED)


def test_an_article_of_four_thousand_words_is_written_and_passes_its_gates() -> None:
    account = make_content.rich_account()
    kinds = ("oak", "steel", "leather", "linen", "walnut", "chrome", "velvet")
    keywords = [f"salon chair {kind}" for kind in kinds]
    cluster = make_content.cluster(account, "salon chair", *keywords)
    task = make_content.writing_task(
        cluster, keywords="\n".join(["salon chair", *keywords]), target_word_count=4_000
    )

    content = write(account, task)

    assert 3_600 <= content.word_count <= 4_400
    headings = [block["text"] for block in content.blocks if block["type"] == "heading"]
    assert len(headings) >= 14
    assert len({text.casefold() for text in headings}) == len(headings)
    results = check_gates(as_article(content), target_words=4_000)
    assert [r.gate for r in results if not r.passed] == ["repetition"]  # the fake's few phrases


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_write_one_article() -> None:
    account = make_content.rich_account()
    task = make_content.writing_task(make_content.cluster(account))
    both_wrote = threading.Barrier(2, timeout=60)
    results: list[Any] = []

    def attempt() -> None:
        def fence() -> None:
            both_wrote.wait()

        try:
            results.append(
                write(account, task, fence=once(fence), providers=[make_content.writer()])
            )
        except StaleState as exc:
            results.append(exc)
        finally:
            connection.close()

    workers = [threading.Thread(target=attempt) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    stored = [result for result in results if isinstance(result, Content)]
    assert len(results) == 2
    assert len({content.pk for content in stored}) == 1
    assert rows(account) == ONE


def once(call: Callable[[], None]) -> Callable[[], None]:
    """A call that is made the first time only."""
    done: list[bool] = []

    def maybe() -> None:
        if not done:
            done.append(True)
            call()

    return maybe


def test_prices_of_the_test_are_those_of_a_new_installation() -> None:
    make_billing.prices()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT unit, unit_size FROM billing_creditcostconfig WHERE operation_type = 'content'"
        )
        assert cursor.fetchall() == [("per_words", 100)]
