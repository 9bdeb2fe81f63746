"""Every refusal as problem+json (RFC 9457), with field errors by name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import structlog
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
    ValidationError,
)
from django.db import DatabaseError, DataError, IntegrityError
from django.http import Http404, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from igny8_core.common.database_faults import WAITED_TOO_LONG, is_passing, sqlstate_of
from igny8_core.common.errors import DomainError
from igny8_core.common.tenancy.violations import violation_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
NON_FIELD = "non_field_errors"
UNIQUE, FOREIGN_ROW = "23505", "42501"
BUSY = "The row is busy. Try again in a moment."
AWAY = "The database does not answer. Try again in a moment."

PLAIN: tuple[tuple[tuple[type[Exception], ...], tuple[int, str, str]], ...] = (
    ((Http404,), (404, "not_found", "There is no such thing here.")),
    ((PermissionDenied,), (403, "refused", "Your role does not allow this.")),
    (
        (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent),
        (413, "too_large", "The request is larger than anything that we take."),
    ),
)
"""Errors of Django that always get the same answer."""


def exception_handler(exc: Exception, _context: Mapping[str, Any]) -> Response | None:
    """Translate what a view raised; None leaves a bug to Django, which answers 500."""
    set_rollback()
    if isinstance(exc, DomainError):
        return _domain_problem(exc)
    for kinds, words in PLAIN:
        if isinstance(exc, kinds):
            return problem(*words)
    if isinstance(exc, ValidationError):
        return problem(422, "invalid_input", "Some values are not accepted.", errors=_by_field(exc))
    if isinstance(exc, exceptions.ValidationError):
        return problem(
            422,
            "invalid_input",
            "Some values are not accepted.",
            errors=_flatten(exc.detail),
        )
    if is_passing(exc):
        return _passing_problem(exc)
    if isinstance(exc, DatabaseError):
        return _database_problem(exc)
    if isinstance(exc, exceptions.APIException):
        answer = problem(exc.status_code, _code_of(exc), str(exc.detail))
        if isinstance(exc, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
            answer.status_code = status.HTTP_401_UNAUTHORIZED
            answer.data["status"] = status.HTTP_401_UNAUTHORIZED
            answer["WWW-Authenticate"] = 'Bearer realm="igny8"'
        wait = getattr(exc, "wait", None)  # of Throttled
        if wait is not None:
            answer["Retry-After"] = str(int(wait) + 1)
        return answer
    return None


def problem(
    status_code: int, code: str, detail: str, *, errors: Any = None, **members: Any
) -> Response:
    """A problem document.

    :param errors: messages by field name; nested fields are dotted.
    """
    body: dict[str, Any] = {
        "type": f"urn:igny8:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status_code,
        "code": code,
        "detail": detail,
        **members,
    }
    if errors is not None:
        body["errors"] = errors
    return Response(body, status=status_code, content_type=CONTENT_TYPE)


def _domain_problem(exc: DomainError) -> Response:
    fields = {name: value for name, value in exc.data.items() if isinstance(value, list)}
    data = {name: value for name, value in exc.data.items() if name not in fields}
    members = {"data": data} if data else {}
    return problem(exc.http_status, exc.code, exc.message, errors=fields or None, **members)


def _passing_problem(exc: BaseException) -> Response:
    is_busy = sqlstate_of(exc) in WAITED_TOO_LONG
    return problem(503, "transient", BUSY if is_busy else AWAY)


def _database_problem(exc: DatabaseError) -> Response | None:
    """What PostgreSQL refused; None for what only a bug can cause.

    Services check first and say it better: this is for the request that lost a race.
    """
    code = sqlstate_of(exc)
    if code == FOREIGN_ROW:  # row-level security: as if the row were not there
        log.warning("api.foreign_row.refused")
        return problem(404, "not_found", "There is no such thing here.")
    if isinstance(exc, DataError):
        return problem(422, "invalid_input", "A value cannot be stored: too long, or not text.")
    if isinstance(exc, IntegrityError) and (error := violation_of(exc)) is not None:
        status_code, word = (409, "conflict") if code == UNIQUE else (422, "invalid_input")
        return problem(status_code, word, "Some values are not accepted.", errors=_by_field(error))
    return None


def not_found(_request: HttpRequest) -> JsonResponse:
    """An address below the API that does not exist."""
    return _plain_problem(problem(404, "not_found", "There is no such address."))


def server_error(_request: HttpRequest) -> JsonResponse:
    """A bug of ours, or a database that is away; it is logged with the request's id."""
    error = sys.exc_info()[1]
    if error is not None and is_passing(error):
        return _plain_problem(_passing_problem(error))
    return _plain_problem(problem(500, "internal_error", "Something went wrong on our side."))


def _plain_problem(answer: Response) -> JsonResponse:
    return JsonResponse(answer.data, status=answer.status_code, content_type=CONTENT_TYPE)


def _code_of(exc: exceptions.APIException) -> str:
    codes = exc.get_codes()
    return codes if isinstance(codes, str) else exc.default_code


def _by_field(exc: ValidationError) -> dict[str, list[str]]:
    if hasattr(exc, "error_dict"):
        return {("" if f == "__all__" else f) or NON_FIELD: m for f, m in exc.message_dict.items()}
    return {NON_FIELD: list(exc.messages)}


def _flatten(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """Messages by dotted field name, whatever the nesting of the serializers was."""
    if isinstance(detail, dict):
        found: dict[str, list[str]] = {}
        for name, inner in detail.items():
            found |= _flatten(inner, f"{prefix}.{name}" if prefix else str(name))
        return found
    if isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        found = {}
        for index, inner in enumerate(detail):
            if inner:
                found |= _flatten(inner, f"{prefix}.{index}" if prefix else str(index))
        return found
    messages = detail if isinstance(detail, list) else [detail]
    return {prefix or NON_FIELD: [str(message) for message in messages]}
