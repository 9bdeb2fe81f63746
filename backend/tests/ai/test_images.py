"""Pictures through the same door as text."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from igny8_core.ai.errors import NoImageModel, UnknownPrice
from igny8_core.ai.models import AiPicture
from igny8_core.ai.ports import COSTS_MONEY, Capabilities, ImageAnswer, ImageRequest
from igny8_core.ai.pricing import IMAGE_TOKENS_MAX, cost_usd_micros
from igny8_core.ai.providers import http
from igny8_core.ai.providers.fake import FakeImageProvider
from igny8_core.ai.providers.openai_images import image_provider, nearest_size
from igny8_core.ai.services import PICTURE_DAYS, prune_pictures
from igny8_core.common.errors import Conflict
from tests.ai.doors import GRANT, PROMPT, PaidWork, images
from tests.ai.jobs import Crash, calls
from tests.fakes.ai_wire import IMAGE_TOKENS, PROMPT_TOKENS, picture
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from igny8_core.ai.engine import Finish, Session
    from igny8_core.ai.journal import Picture
    from igny8_core.ai.ports import ImageProvider
    from tests.fakes.ai_server import AiServer

pytestmark = pytest.mark.django_db

NOW = make_billing.NOW
PNG = ImageAnswer(
    picture(), "image/png", 64, 48, prompt_tokens=PROMPT_TOKENS, completion_tokens=IMAGE_TOKENS
)


def job(provider: ImageProvider) -> PaidWork:
    return PaidWork(make_billing.account_with(GRANT), "image", image_providers=[provider])


def test_a_picture_is_asked_for_stored_and_charged(server: AiServer) -> None:
    paid = job(images(server))

    charged = paid.run()

    assert paid.books() == (GRANT - charged, 0, 1)
    with Image.open(BytesIO(paid.stored[0])) as made:
        assert made.format == "PNG"
    [row] = calls(paid.account)
    assert (row.prompt_tokens, row.completion_tokens) == (PROMPT_TOKENS, IMAGE_TOKENS)
    assert row.answer is not None
    assert row.answer["size_bytes"] == len(paid.stored[0])
    assert AiPicture.unscoped.count() == 0, "the work is stored: its picture lies elsewhere now"


def test_another_server_is_asked_for_the_picture_itself_at_the_wanted_size(
    server: AiServer,
) -> None:
    images(server).generate(
        ImageRequest(prompt="A sofa", width=1200, height=630, timeout_seconds=10.0)
    )

    [sent] = server.requests
    assert sent.path == "/v1/images/generations"
    assert sent.body == {
        "model": "gpt-image-1",
        "prompt": "A sofa",
        "n": 1,
        "size": "1200x630",
        "response_format": "b64_json",
    }


def test_openai_itself_gets_a_shape_and_a_format_that_it_knows(
    server: AiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("igny8_core.ai.providers.openai_images.OPENAI_URL", f"{server.url}/v1")
    openai = image_provider(
        name="openai",
        model="gpt-image-1-mini",
        api_key="k",
        key_fingerprint="k",
        base_url="",
        reach=http.Reach.ANYWHERE,
    )

    answer = openai.generate(
        ImageRequest(prompt="A sofa", width=1200, height=630, timeout_seconds=10.0)
    )

    [sent] = server.requests
    assert sent.body == {
        "model": "gpt-image-1-mini",
        "prompt": "A sofa",
        "n": 1,
        "size": "1536x1024",
        "quality": "medium",
        "output_format": "jpeg",
    }
    assert (answer.media_type, answer.width, answer.height) == ("image/png", 192, 128)
    assert openai.api_url == ""


@pytest.mark.parametrize(
    ("wanted", "made"),
    [((1200, 630), (1536, 1024)), ((800, 800), (1024, 1024)), ((600, 1000), (1024, 1536))],
)
def test_the_nearest_shape(wanted: tuple[int, int], made: tuple[int, int]) -> None:
    assert nearest_size(*wanted) == made


def test_pictures_have_the_price_of_their_tokens() -> None:
    dear = FakeImageProvider(
        default=PNG, name="openai", model="gpt-image-1.5", capabilities=COSTS_MONEY
    )

    def cost(*, is_image: bool) -> int:
        return cost_usd_micros(
            dear, prompt_tokens=0, completion_tokens=1_000, is_image=is_image, now=NOW
        )

    assert (cost(is_image=True), cost(is_image=False)) == (32_000, 10_000)


def test_a_picture_without_usage_counts_at_its_most() -> None:
    silent = ImageAnswer(picture(), "image/png", 64, 48)
    paid = job(
        FakeImageProvider(
            default=silent, name="openai", model="gpt-image-1", capabilities=COSTS_MONEY
        )
    )

    paid.run()

    [row] = calls(paid.account)
    assert row.cost_usd_micros == row.counted_usd_micros > IMAGE_TOKENS_MAX * 40


def test_a_model_without_a_price_refuses_before_anything_is_held() -> None:
    unpriced = FakeImageProvider(
        default=PNG, name="openai", model="dall-e-2", capabilities=COSTS_MONEY
    )
    paid = job(unpriced)

    with pytest.raises(UnknownPrice):
        paid.run()

    assert unpriced.requests == []
    assert paid.books() == (GRANT, 0, 0)


def test_without_a_provider_there_is_no_picture() -> None:
    paid = PaidWork(make_billing.account_with(GRANT), "image")

    with pytest.raises(NoImageModel):
        paid.run()

    assert paid.books() == (GRANT, 0, 0)


def test_a_crash_after_the_answer_does_not_pay_for_the_picture_twice(server: AiServer) -> None:
    paid = job(images(server))
    seen: list[Picture] = []

    def work(session: Session) -> bytes:
        seen.append(session.generate_image(PROMPT, width=1200, height=630))
        return seen[-1].data

    def die(_made: bytes, _finish: Finish) -> int:
        raise Crash

    with pytest.raises(Crash):
        paid.run(work=work, save=die)
    assert AiPicture.unscoped.count() == 1
    charged = paid.run(work=work, lease_token=2)

    assert len(server.requests) == 1
    assert [found.is_reused for found in seen] == [False, True]
    assert seen[0].data == seen[1].data
    assert (seen[1].media_type, seen[1].width, seen[1].height) == ("image/png", 150, 78)
    assert paid.books() == (GRANT - charged, 0, 1)
    with pytest.raises(Conflict):
        paid.run(lease_token=3)


def test_a_picture_that_is_stored_elsewhere_is_drawn_anew_for_other_work(server: AiServer) -> None:
    paid = job(images(server))
    paid.run()

    paid.run(idempotency_key="content:7:2")

    assert len(server.requests) == 2, "the first picture is gone from the journal"


def test_pictures_of_work_that_never_ended_are_forgotten(server: AiServer) -> None:
    paid = job(images(server))

    def die(_made: bytes, _finish: Finish) -> int:
        raise Crash

    with pytest.raises(Crash):
        paid.run(save=die)
    made_at = AiPicture.unscoped.get().created_at

    assert prune_pictures(now=made_at + timedelta(days=PICTURE_DAYS)) == 0
    assert prune_pictures(now=made_at + timedelta(days=PICTURE_DAYS, seconds=1)) == 1
    assert AiPicture.unscoped.count() == 0


def test_the_next_provider_draws_where_the_first_cannot(server: AiServer) -> None:
    unpriced = FakeImageProvider(
        default=PNG, name="openai", model="dall-e-2", capabilities=Capabilities()
    )
    paid = job(unpriced)
    paid.image_providers.append(images(server))

    paid.run()

    assert len(server.requests) == 1


def test_the_address_of_an_account_has_to_be_public(server: AiServer) -> None:
    provider = image_provider(
        name="openai_compatible",
        model="m",
        api_key="",
        key_fingerprint="k",
        base_url=server.url,
        reach=http.Reach.PUBLIC,
    )
    request = ImageRequest(prompt="A sofa", width=10, height=10, timeout_seconds=10.0)

    with pytest.raises(Exception, match="not a public address"):
        provider.generate(request)

    assert server.requests == []
