"""Static files are answered before anything else runs, with headers that let them be kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles import finders
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import RequestFactory

from igny8_core.web.static_files import static_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_django import Settings

pytestmark = pytest.mark.django_db  # the end of a request looks after connections

TEXT = b"body { color: #123456 }"


@pytest.fixture
def ask(settings: Settings, tmp_path: Path) -> Callable[..., Any]:
    """A request to the middleware alone; whatever is no file is answered with 418."""
    (tmp_path / "look.css").write_bytes(TEXT)
    settings.STATICFILES_DIRS = [tmp_path]
    settings.SERVESTATIC_USE_FINDERS = True
    finders.get_finder.cache_clear()  # type: ignore[attr-defined]  # of lru_cache
    middleware = static_files(lambda _request: HttpResponse(status=418))

    def get(path: str, method: str = "GET", **headers: str) -> Any:
        answer: Any = middleware(RequestFactory().generic(method, path, headers=headers))
        answer.body = b"".join(answer)
        answer.close()
        return answer

    return get


def test_a_file_is_sent_with_its_headers(ask: Callable[..., Any]) -> None:
    answer = ask("/static/look.css")

    assert (answer.status_code, answer.body) == (200, TEXT)
    assert answer["Content-Type"] == 'text/css; charset="utf-8"'
    assert answer["Content-Length"] == str(len(TEXT))
    assert "max-age" in answer["Cache-Control"]


def test_a_file_that_is_known_is_not_sent_again(ask: Callable[..., Any]) -> None:
    first = ask("/static/look.css")

    again = ask("/static/look.css", **{"If-Modified-Since": first["Last-Modified"]})

    assert (again.status_code, again.body) == (304, b"")


def test_a_part_a_head_and_another_method(ask: Callable[..., Any]) -> None:
    part = ask("/static/look.css", Range="bytes=0-3")
    head = ask("/static/look.css", "HEAD")
    post = ask("/static/look.css", "POST")

    assert (part.status_code, part.body) == (206, TEXT[:4])
    assert (head.status_code, head.body, head["Content-Length"]) == (200, b"", str(len(TEXT)))
    assert post.status_code == 405


@pytest.mark.parametrize("path", ["/", "/static/", "/static/none.css", "/static/../look.css"])
def test_anything_else_goes_on(path: str, ask: Callable[..., Any]) -> None:
    assert ask(path).status_code == 418


def test_no_request_starts_an_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> asyncio.AbstractEventLoop:
        raise AssertionError("an event loop for a request behind WSGI")

    monkeypatch.setattr(asyncio, "new_event_loop", refuse)
    handler: Any = WSGIHandler()
    answer = handler(RequestFactory().get("/healthz").environ, lambda *_: None)

    assert answer.status_code == 200
