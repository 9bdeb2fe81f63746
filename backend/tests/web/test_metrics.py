"""Figures for Prometheus: guarded, readable, complete."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.common.counters import BOUNDS, Counters
from tests import make
from tests.make.automation import work_items

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
TOKEN = "t-1"
LINE = re.compile(
    r'[a-z_0-9]+(\{([a-z_]+="(\\.|[^"\\])*",?)+\})? (-?[0-9.]+(e[-+][0-9]+)?|NaN|[+-]Inf)'
)


@pytest.fixture
def token(settings: Any) -> str:
    settings.METRICS_TOKEN = TOKEN
    return TOKEN


def ask(client: Client, header: str) -> Any:
    return client.get("/metrics", headers={"Authorization": header} if header else {})


def test_without_a_token_configured_there_is_no_such_page(client: Client) -> None:
    assert ask(client, "Bearer ").status_code == 404


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Basic t-1", "bearer t-1", "Bearer t-1x"]
)
def test_whoever_has_no_token_sees_nothing(header: str, token: str, client: Client) -> None:
    answer = ask(client, header)

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert b"igny8" not in answer.content


def test_every_line_is_one_that_prometheus_reads(token: str, client: Client) -> None:
    work_items(make.account(), 3)
    client.get("/healthz")

    answer = ask(client, f"Bearer {token}")

    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.content.decode().splitlines()
    assert [line for line in lines if not line.startswith("#") and not LINE.fullmatch(line)] == []
    assert 'igny8_items{work_class="ai_text",status="ready"} 3' in lines
    assert "igny8_up 1" in lines
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert any(line.startswith("igny8_http_request_seconds_bucket{") for line in lines)


def test_a_histogram_counts_into_the_right_bucket() -> None:
    counters = Counters()
    for seconds in (0.001, 0.005, 0.02, 99.0):
        counters.observe("x", seconds, area="web")

    ((buckets, total),) = counters.histograms()["x"].values()

    assert (buckets[0], buckets[2], buckets[-1], sum(buckets)) == (2, 1, 1, 4)
    assert len(buckets) == len(BOUNDS) + 1
    assert total == pytest.approx(99.026)


def test_labels_of_strangers_do_not_fill_the_memory() -> None:
    counters = Counters()
    for n in range(3_000):
        counters.count("y", path=str(n))
        counters.observe("z", 1.0, path=str(n))
    counters.count("y", path="0")

    assert len(counters.counts()["y"]) == len(counters.histograms()["z"]) == 1_000
    assert counters.counts()["y"][(("path", "0"),)] == 2
