"""What granian serves: Django behind WSGI threads, one process.

``granian --interface asginl --workers 1 --workers-kill-timeout 3 igny8_core.asgi:application``.
Django's own ASGI handler costs 4 to 11 times the CPU of WSGI threads for each request.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, cast

from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application
from django.db import OperationalError, connections

from igny8_core.common.memory import settle_memory
from igny8_core.common.tenancy.roles import RoleTooStrong, assert_runtime_role

if TYPE_CHECKING:
    from a2wsgi.asgi_typing import ASGIApp, Receive, Scope, Send
    from a2wsgi.wsgi_typing import WSGIApp

THREADS = 8


def load_django() -> ASGIApp:
    """Django's WSGI application in threads, unless its database login is too strong.

    Exits with one line when it must not serve.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "igny8_core.settings.local")
    wsgi = get_wsgi_application()
    try:
        assert_runtime_role()
    except (RoleTooStrong, OperationalError) as exc:
        reason = str(exc).splitlines()[0]
        sys.stderr.write(f"web: refused to serve: {reason}\n")
        sys.exit(1)
    finally:
        connections.close_all()
    settle_memory()
    return WSGIMiddleware(cast("WSGIApp", wsgi), workers=THREADS)


_django = load_django()

# Below: they need the models, which are loaded by now.
from igny8_core.business.automation.services import doorbell  # noqa: E402
from igny8_core.web import live  # noqa: E402


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request. Event streams, which hold no thread, branch off here by path."""

    async def body() -> Any:
        return await receive()  # granian's is awaitable, but the bridge insists on a coroutine

    if scope["type"] != "http":
        return
    if scope["path"] == doorbell.PATH:
        await live.run_events(cast("Any", scope), cast("Any", body), cast("Any", send))
    else:
        await _django(scope, body, send)
