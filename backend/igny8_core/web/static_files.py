"""Scripts, styles and pictures of the product, from the packages that bring them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import FileResponse
from django.utils.decorators import sync_only_middleware
from servestatic.middleware import ServeStaticMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase


class StaticFileResponse(FileResponse):
    """A file with the headers that were made for it, and no others."""

    def set_headers(self, filelike: Any) -> None:
        """They are there already."""


@sync_only_middleware
def static_files(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer what is a static file; hand everything else on.

    The package's own middleware only runs in an event loop: behind WSGI every request of the
    product would start one, and a thread, and come back. Here it is the index of the files.
    """
    index: Any = ServeStaticMiddleware(_nobody)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        found = index.find_file(path) if index.autorefresh else index.files.get(path)
        if found is None:
            return get_response(request)
        return _response(found.get_response(request.method, request.META))

    return middleware


async def _nobody(_request: HttpRequest) -> HttpResponseBase:
    raise AssertionError("the index is never called")


def _response(answer: Any) -> HttpResponseBase:
    response = StaticFileResponse(answer.file or (), status=int(answer.status))
    del response["Content-Type"]
    for name, value in answer.headers:
        if value is not None:
            response[name] = value
    return response
