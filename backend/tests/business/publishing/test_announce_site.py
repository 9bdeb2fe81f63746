"""Search engines are told of what changed, once, and never at publishing's cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from igny8_core.business.content.services.review import take_down
from igny8_core.business.publishing.services.announce_site import announce_site
from igny8_core.business.publishing.services.site_options import change_site_options
from igny8_core.clients.guarded_http import Answer
from igny8_core.clients.indexnow import IndexNowClient
from igny8_core.common.errors import NotFound, Transient
from tests.make import publishing as make

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector
    from igny8_core.business.publishing.models import DeploymentRecord

pytestmark = pytest.mark.django_db


class Service:
    """IndexNow: what it was told, and what it answers."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.told: list[tuple[str, str, Any]] = []

    def request(self, method: str, url: str, *, headers: Any, content: bytes) -> Answer:
        assert headers["Content-Type"].startswith("application/json")
        self.told.append((method, url, json.loads(content)))
        return Answer(self.answers.pop(0), httpx.Headers(), b"", url)


def tell(record: DeploymentRecord, service: Service) -> int:
    return announce_site(
        account=record.account,
        deployment_id=record.pk,
        now=make.FIRST_DAY,
        client=IndexNowClient(http=service),  # type: ignore[arg-type]
    )


@pytest.fixture
def sector() -> Sector:
    """A site that wants to be announced, with one article to deploy."""
    made = make.sector(
        settings={"static_site": {"base_url": "https://sofa.test", "indexnow_key": "0123456789"}}
    )
    make.cover(make.article(made, title="First"))
    return made


def deployed(sector: Sector, clock: make.Clock) -> DeploymentRecord:
    clock.wait(hours=2)
    return make.deployed(sector, clock)


def test_changed_pages_are_told_once(sector: Sector) -> None:
    clock, service = make.Clock(), Service(202, 200)
    first = deployed(sector, clock)
    assert tell(first, service) == 3
    make.cover(make.article(sector, title="Second"), b"2")
    second = deployed(sector, clock)

    assert (tell(second, service), tell(second, service)) == (4, 0)

    (method, url, body), (_post, _url, more) = service.told
    assert (method, url) == ("POST", "https://api.indexnow.org/indexnow")
    assert body == {
        "host": "sofa.test",
        "key": "0123456789",
        "keyLocation": "https://sofa.test/0123456789.txt",
        "urlList": [
            "https://sofa.test/articles/first/",
            "https://sofa.test/articles/",
            "https://sofa.test/",
        ],
    }
    assert more["urlList"][:2] == [
        "https://sofa.test/articles/first/",
        "https://sofa.test/articles/",
    ]
    assert "https://sofa.test/articles/second/" in more["urlList"]
    second.refresh_from_db()
    assert second.metadata["indexnow"] == {"urls": 4, "status": 200}


def test_pages_that_are_gone_are_told_too(sector: Sector) -> None:
    clock = make.Clock()
    second = make.article(sector, title="Second")
    make.cover(second, b"2")
    tell(deployed(sector, clock), Service(200))
    take_down(account=sector.account, content_id=second.pk, now=clock())
    service = Service(200)

    tell(deployed(sector, clock), service)

    assert "https://sofa.test/articles/second/" in service.told[0][2]["urlList"]


def test_a_refusal_is_noted_and_the_next_time_tells_all(sector: Sector) -> None:
    clock = make.Clock()
    first = deployed(sector, clock)

    assert tell(first, Service(403)) == 0

    first.refresh_from_db()
    assert first.metadata["indexnow"] == {"urls": 0, "refused": "indexnow_refused", "status": 403}


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_is_away_is_asked_again(sector: Sector, status: int) -> None:
    record = deployed(sector, make.Clock())
    with pytest.raises(Transient):
        tell(record, Service(status))

    assert tell(record, Service(200)) == 3


def test_a_site_that_does_not_want_it_is_left_alone(sector: Sector) -> None:
    record = deployed(sector, make.Clock())
    change_site_options(account=sector.account, site_id=sector.site_id, changes={"indexnow": False})

    assert tell(record, Service()) == 0
    with pytest.raises(NotFound):
        announce_site(account=make.sector().account, deployment_id=record.pk, now=make.FIRST_DAY)
