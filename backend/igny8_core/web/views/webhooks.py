"""Webhooks of payment providers: verified, stored, answered; the work is a worker's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from igny8_core.business.billing.services.webhooks import receive_webhook
from igny8_core.common.errors import DomainError

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

BYTES_MAX = 1024 * 1024
TOO_LARGE = 413


@csrf_exempt
@require_POST
def receive(request: HttpRequest, provider: str) -> HttpResponse:
    """200 once it is stored, also a second time; 400 for what the provider did not sign."""
    if len(request.body) > BYTES_MAX:
        return JsonResponse({"code": "too_large"}, status=TOO_LARGE)
    try:
        is_new = receive_webhook(
            provider=provider, body=request.body, headers=request.headers, now=timezone.now()
        )
    except DomainError as exc:
        return JsonResponse({"code": exc.code}, status=exc.http_status)
    return JsonResponse({"is_new": is_new})
