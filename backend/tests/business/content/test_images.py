from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.ai.errors import (
    AnswerRefused,
    DayCapReached,
    ProviderUnavailable,
    RateLimited,
    WorkCancelled,
)
from igny8_core.ai.ports import ImageAnswer, Terms
from igny8_core.ai.providers.fake import FakeImageProvider
from igny8_core.auth.models import Account
from igny8_core.business.billing.models import CreditUsageLog
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.content.models import Images
from igny8_core.business.content.services import images
from igny8_core.business.content.services.covers import source_type_of
from igny8_core.business.content.services.images import generate_image, plan_images, retry_image
from igny8_core.business.content.states import ImageStatus
from igny8_core.common.errors import (
    InsufficientCredits,
    NotFound,
    ProviderRejected,
    StaleState,
    Transient,
    TransitionNotAllowed,
)
from igny8_core.common.tenancy.context import tenant
from tests.fakes.ai_wire import picture
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.business.content.models import Content

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media dir"
    return tmp_path / "media dir"


def nothing() -> None:
    """A fence that lets everybody through."""


def make_image(account: Account, image_id: int, **fields: Any) -> Images:
    values: dict[str, Any] = {
        "account": account,
        "image_id": image_id,
        "fence": nothing,
        "clock": lambda: NOW,
    }
    return generate_image(**values | fields)


def written(account: Account) -> Content:
    cluster = make_planning.cluster(make_planning.sector(account), "sofas")
    return make_content.article(cluster.sector, cluster=cluster, title="How to choose a sofa")


def spent(account: Account) -> tuple[int, int, int]:
    """Credits left, credits held, charges."""
    account.refresh_from_db()
    with tenant(account.pk):
        charges = CreditUsageLog.objects.for_account(account).count()
    return account.credits, account.credits_held, charges


def planned(account: Account) -> int:
    (image_id,) = plan_images(account=account, content_ids=[written(account).pk], now=NOW)
    return image_id


def test_an_article_gets_one_cover_however_often_it_is_planned() -> None:
    account = make_content.rich_account()
    contents = [written(account).pk, written(account).pk]

    first = plan_images(account=account, content_ids=contents, now=NOW)
    again = plan_images(account=account, content_ids=[*contents, contents[0]], now=NOW)

    assert first == again
    image = Images.unscoped.get(pk=first[0])
    assert (image.content_id, image.image_type, image.status) == (
        contents[0],
        "featured",
        "pending",
    )
    assert image.alt == "Cover: How to choose a sofa"
    assert Images.unscoped.count() == 2


def test_a_made_cover_is_not_planned_again_and_foreign_articles_are_unknown() -> None:
    account = make_content.rich_account()
    image_id = planned(account)
    content_id = Images.unscoped.get(pk=image_id).content_id or 0
    make_image(account, image_id)
    foreign = written(make_content.rich_account())

    assert plan_images(account=account, content_ids=[content_id], now=NOW) == []
    with pytest.raises(NotFound):
        plan_images(account=account, content_ids=[foreign.pk], now=NOW)


def test_a_cover_is_drawn_in_all_sizes_and_charged_once(media: Path) -> None:
    account = make_content.rich_account(100)
    image_id = planned(account)

    image = make_image(account, image_id)
    again = make_image(account, image_id)

    assert again.pk == image.pk
    image.refresh_from_db()
    assert (image.status, image.width, image.height) == ("generated", 1200, 630)
    assert image.digital_source_type == "algorithmicMedia"
    assert image.provenance["origin"] == "rules"
    assert [(v["format"], v["width"], v["height"]) for v in image.variants] == [
        (kind, width, height)
        for width, height in ((1200, 630), (800, 420), (400, 210))
        for kind in ("avif", "webp", "jpeg")
    ]
    for variant in image.variants:
        data = (media / variant["path"]).read_bytes()
        assert len(data) == variant["size_bytes"]
        assert source_type_of(data) == "algorithmicMedia"
        assert variant["path"].startswith(f"{account.pk}/{image.site_id}/images/")
    assert image.path == image.variants[2]["path"]
    stored = Counter(p.suffix for p in media.rglob("*") if p.is_file())
    assert stored == {".avif": 3, ".jpg": 3, ".webp": 3}
    credits_left, held, charges = spent(account)
    assert (held, charges) == (0, 1)
    assert credits_left < 100


@pytest.mark.parametrize("at", ["encode", "settle", "capture"])
def test_a_crash_leaves_the_image_waiting_and_free(
    at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_content.rich_account(100)
    image_id = planned(account)

    class Killed(BaseException):
        """The process ends here."""

    def killed(*_args: Any, **_fields: Any) -> None:
        raise Killed

    target = {
        "encode": (images, "encode"),
        "settle": (images, "_settle"),
        "capture": (AccountCredits, "capture"),
    }[at]
    with monkeypatch.context() as patch:
        patch.setattr(*target, killed)
        with pytest.raises(Killed):
            make_image(account, image_id)
    crashed = spent(account)
    status = Images.unscoped.get(pk=image_id).status

    image = make_image(account, image_id)

    assert status == "pending"
    assert crashed[0] == 100
    assert image.status == "generated"
    assert spent(account)[1:] == (0, 1)


def test_a_stale_fence_stores_nothing() -> None:
    account = make_content.rich_account(100)
    image_id = planned(account)

    def stale() -> None:
        raise StaleState("another attempt owns the item")

    with pytest.raises(StaleState):
        make_image(account, image_id, fence=stale)

    assert Images.unscoped.get(pk=image_id).status == "pending"
    assert spent(account)[0] == 100


def test_without_credits_the_image_waits() -> None:
    account = make_content.rich_account(1)
    image_id = planned(account)

    with pytest.raises(InsufficientCredits):
        make_image(account, image_id)

    assert Images.unscoped.get(pk=image_id).status == "pending"
    assert spent(account) == (1, 0, 0)


def test_a_full_disk_costs_nothing_and_passes(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = make_content.rich_account(100)
    image_id = planned(account)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(Transient):
            make_image(account, image_id)

    assert [p for p in media.rglob("*") if p.is_file()] == []
    assert spent(account) == (100, 0, 0)
    assert make_image(account, image_id).status == "generated"


def test_what_is_refused_for_good_fails_with_its_reason_until_somebody_asks_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = make_content.rich_account(100)
    image_id = planned(account)

    def rejected(*_args: Any, **_fields: Any) -> None:
        raise ProviderRejected("not allowed")

    with monkeypatch.context() as patch:
        patch.setattr(images, "draw_cover", rejected)
        with pytest.raises(ProviderRejected):
            make_image(account, image_id)
    failed = Images.unscoped.get(pk=image_id)
    with pytest.raises(TransitionNotAllowed):
        make_image(account, image_id)

    retried = retry_image(account=account, image_id=image_id, now=NOW)

    assert (failed.status, failed.error) == ("failed", "not allowed")
    assert (retried.status, retried.error, retried.attempt) == ("pending", "", 2)
    assert spent(account) == (100, 0, 0)
    assert make_image(account, image_id).status == "generated"


def test_another_cover_in_its_place_is_charged_again() -> None:
    account = make_content.rich_account(100)
    image_id = planned(account)
    make_image(account, image_id)

    retry_image(account=account, image_id=image_id, now=NOW)
    make_image(account, image_id)

    assert spent(account)[1:] == (0, 2)
    with pytest.raises(TransitionNotAllowed):
        retry_image(account=account, image_id=planned(account), now=NOW)


def test_the_sites_colours_are_used() -> None:
    account = make_content.rich_account()
    content = written(account)
    site = content.site
    site.settings = {"colours": {"primary": "#7a1f3d"}}
    site.save()
    own = make_content.image(content)
    plain = make_content.image(written(account))

    first, second = make_image(account, own.pk), make_image(account, plain.pk)

    assert first.variants[0]["path"] != second.variants[0]["path"]


def test_an_image_of_a_task_has_a_cover_too() -> None:
    account = make_content.rich_account()
    task = make_content.writing_task(make_content.cluster(account))
    image = Images.unscoped.create(task=task, alt="Salon chairs")

    assert make_image(account, image.pk).status == ImageStatus.GENERATED


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_image() -> None:
    account = make_content.rich_account(100)
    image_id = planned(account)
    start = threading.Barrier(2, timeout=30)
    results: list[Any] = []

    def attempt() -> None:
        start.wait()
        try:
            results.append(make_image(account, image_id))
        except (StaleState, Transient, TransitionNotAllowed) as exc:
            results.append(exc)
        finally:
            connection.close()

    workers = [threading.Thread(target=attempt) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(results) == 2
    assert any(isinstance(result, Images) for result in results)
    assert spent(account)[1:] == (0, 1)
    assert Images.unscoped.get(pk=image_id).status == "generated"


# --- pictures of a model


def photograph(*script: BaseException) -> FakeImageProvider:
    answer = ImageAnswer(picture(300, 200), "image/png", 300, 200, 40, 1_056)
    return FakeImageProvider(script, default=answer, name="openai")


def test_a_model_makes_the_cover_where_there_is_one(media: Path) -> None:
    account = make_content.rich_account(100)
    image_id = planned(account)
    model = photograph()

    image = make_image(account, image_id, providers=[model])
    again = make_image(account, image_id, providers=[model])

    assert again.pk == image.pk
    [request] = model.requests
    assert (request.width, request.height) == (1200, 630)
    assert "How to choose a sofa" in request.prompt
    image.refresh_from_db()
    assert (image.status, image.width, image.height) == ("generated", 1200, 630)
    assert image.digital_source_type == "trainedAlgorithmicMedia"
    origin = {name: image.provenance[name] for name in ("origin", "provider", "model", "prompt")}
    assert origin == {
        "origin": "ai",
        "provider": "openai",
        "model": "fake-image-1",
        "prompt": "image_cover/v2",
    }
    assert len(image.provenance["input_hash"]) == 64
    for variant in image.variants:
        assert source_type_of((media / variant["path"]).read_bytes()) == "trainedAlgorithmicMedia"
    assert spent(account)[1:] == (0, 1)


def test_another_picture_in_its_place_is_asked_for_anew() -> None:
    account = make_content.rich_account(100)
    image_id, model = planned(account), photograph()
    make_image(account, image_id, providers=[model])
    retry_image(account=account, image_id=image_id, now=NOW)

    make_image(account, image_id, providers=[model])

    assert len(model.requests) == 2


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AnswerRefused("not this one"), "failed"),
        (ProviderUnavailable("down"), "pending"),
        (RateLimited("wait", retry_after_seconds=9.0), "pending"),
    ],
    ids=["refused", "down", "limited"],
)
def test_a_model_that_fails_costs_nothing(error: BaseException, status: str) -> None:
    account = make_content.rich_account(100)
    image_id = planned(account)

    with pytest.raises(type(error)):
        make_image(account, image_id, providers=[photograph(*[error] * 3)])

    assert Images.unscoped.get(pk=image_id).status == status
    assert spent(account) == (100, 0, 0)


def test_an_image_that_nobody_wants_or_that_a_limit_forbids_waits() -> None:
    account = make_content.rich_account(100)
    image_id = planned(account)

    with pytest.raises(WorkCancelled):
        make_image(account, image_id, terms=Terms(is_cancelled=lambda: True))
    Account.objects.filter(pk=account.pk).update(max_credits_per_day=0)
    with pytest.raises(DayCapReached):
        make_image(account, image_id)

    assert Images.unscoped.get(pk=image_id).status == "pending"
    assert spent(account) == (100, 0, 0)


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_late_refusal_fails_nobody_elses_attempt(*, is_lost: bool) -> None:
    account = make_content.rich_account(100)
    image_id = planned(account)
    model = photograph(*[AnswerRefused("not this one")] * 3)
    asked_again: list[int] = []

    def is_cancelled() -> bool:
        if model.requests and not asked_again:  # somebody else works on it by now
            asked_again.append(1)
            if not is_lost:
                Images.unscoped.filter(pk=image_id).update(attempt=2)
        return is_lost and bool(model.requests)

    with pytest.raises((AnswerRefused, WorkCancelled)):
        make_image(account, image_id, providers=[model], terms=Terms(is_cancelled=is_cancelled))

    assert Images.unscoped.get(pk=image_id).status == "pending"
