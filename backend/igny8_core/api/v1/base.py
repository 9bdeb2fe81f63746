"""The base of every endpoint that shows or changes an account's rows."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.core.files.uploadedfile import UploadedFile
from django.db.models import Model
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.viewsets import GenericViewSet

from igny8_core.api.filters import BulkIds, Changed, Filters
from igny8_core.api.lists import RowList
from igny8_core.api.pagination import KeysetPagination
from igny8_core.auth import selectors
from igny8_core.auth.access import repeats
from igny8_core.auth.access.entrance import entrance_of, refuse_unless_open
from igny8_core.auth.access.impersonation import STAFF
from igny8_core.auth.models import ApiKey, User
from igny8_core.auth.states import Role
from igny8_core.common.errors import InvalidInput, Refused
from igny8_core.common.idempotency import fingerprint
from igny8_core.common.tenancy.context import acting, tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from typing import Protocol

    from rest_framework.request import Request
    from rest_framework.serializers import BaseSerializer, Serializer

    from igny8_core.auth.models import Account

    class BulkService(Protocol):
        """A service on several rows of the account: all of them or none."""

        def __call__(self, *, account: Account, ids: Sequence[int], now: datetime) -> int:
            """:returns: how many rows changed; those that were so already do not count.

            :raises NotFound: an id is unknown, or another account's; nothing was changed.
            """
            ...


M = TypeVar("M", bound=Model)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
KEY_HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 48
REQUEST_VERSION = 1


class TenantViewSet(GenericViewSet[M], Generic[M]):
    """Rows of the account named in the path.

    ``initial`` finds the membership or the API key, checks the role and wraps the handler in the
    account's tenant block: around the handler, because DRF turns exceptions into responses
    outside it, and a block there would commit what failed. Safe methods run read only. An account
    that the caller does not belong to is 404.

    A POST with an ``Idempotency-Key`` is answered once: a repeat gets the first answer, another
    request with the same key is refused.

    :cvar filters_class: query parameters of the list; the values are in ``self.filters``.
    :cvar list_actions: names of actions that take them, and pages.
    :cvar orders: public name to column, for ``?order=``.
    :cvar spending_actions: names of actions that spend or publish and so must carry a key.
    :cvar open_actions: names of actions that call out and therefore open their own blocks.
    :cvar action_roles: the role that an action needs, where it is not that of its method.
    :cvar suspended_actions: names of actions that change something and yet work while the account
        is suspended: paying, leaving, taking back.
    :cvar secret_actions: names of actions whose answer holds a secret, and so is kept nowhere.
    """

    pagination_class = KeysetPagination
    filters_class: ClassVar[type[Filters]] = Filters
    list_actions: ClassVar[frozenset[str]] = frozenset({"list"})
    read_role: ClassVar[Role] = Role.VIEWER
    write_role: ClassVar[Role] = Role.EDITOR
    orders: ClassVar[dict[str, str]] = {"id": "pk"}
    default_order: ClassVar[str] = ""
    spending_actions: ClassVar[frozenset[str]] = frozenset()
    open_actions: ClassVar[frozenset[str]] = frozenset()
    action_roles: ClassVar[dict[str, Role]] = {}
    suspended_actions: ClassVar[frozenset[str]] = frozenset()
    secret_actions: ClassVar[frozenset[str]] = frozenset()
    lookup_value_regex = r"[0-9]{1,18}"

    account: Account
    role: Role
    is_visit: bool
    filters: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        account_id = int(self.kwargs["account_id"])
        is_safe = request.method in SAFE_METHODS
        needed = self.read_role if is_safe else self.write_role
        actor = self._enter(request, account_id, self.action_roles.get(self.action, needed))
        name = (request.method or "").lower()
        if (handler := getattr(self, name, None)) is not None:
            setattr(self, name, self._inside(account_id, handler, actor, read_only=is_safe))

    def get_serializer(self, *args: Any, **kwargs: Any) -> BaseSerializer[M]:
        """The serializer of the action; of several rows one that is quick with them."""
        if not kwargs.pop("many", False):
            return super().get_serializer(*args, **kwargs)
        kwargs["context"] = self.get_serializer_context()
        kwargs["child"] = self.get_serializer_class()(context=kwargs["context"])
        return RowList(*args, **kwargs)

    @property
    def user_id(self) -> int | None:
        """The person who asks; None for an API key."""
        return self.request.user.pk if isinstance(self.request.user, User) else None

    def body(self, form_class: type[Serializer[Any]], *, partial: bool = False) -> dict[str, Any]:
        """The request's body, as the form reads it.

        :raises rest_framework.exceptions.ValidationError: by field.
        """
        form = form_class(
            data=self.request.data, partial=partial, context=self.get_serializer_context()
        )
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def body_apart(self, form_class: type[Serializer[Any]]) -> dict[str, Any]:
        """:meth:`body` for an open action: in a block of its own, for the ids in it."""
        with tenant(self.account.pk, read_only=True):
            return self.body(form_class)

    def asked(self, filters: type[Filters]) -> dict[str, Any]:
        """The query of an action that is no list of rows.

        :raises rest_framework.exceptions.ValidationError: by parameter.
        """
        form = filters(data=self.request.query_params.dict(), context={"view": self})
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def _inside(
        self, account_id: int, handler: Callable[..., Response], actor: str, *, read_only: bool
    ) -> Callable[..., Response]:
        changes = not read_only and self.action not in self.suspended_actions

        def run(*args: Any, **kwargs: Any) -> Response:
            with acting(actor), tenant(account_id, read_only=read_only):
                self.account = self._account(account_id, actor, changes=changes)
                self.filters = self._filters()
                return self._once(handler, *args, **kwargs)

        def run_open(*args: Any, **kwargs: Any) -> Response:
            with acting(actor):
                self.account = self._account(account_id, actor, changes=changes)
                self.filters = {}
                return self._once_apart(handler, *args, **kwargs)

        return run_open if self.action in self.open_actions else run

    @staticmethod
    def _account(account_id: int, actor: str, *, changes: bool) -> Account:
        """The account, unless its status refuses what is asked.

        Whoever reads has come in by a membership or a key, and neither opens a closed account;
        so the row is loaded only when more than its key is wanted.
        """
        if not changes and not actor.startswith(STAFF):
            return selectors.known_account(account_id)
        account = selectors.account(account_id)
        refuse_unless_open(account, changes=changes)
        return account

    def _filters(self) -> dict[str, Any]:
        """What the list's query says; the defaults for anything that is no list."""
        given = self.request.query_params.dict() if self.action in self.list_actions else {}
        if not given:
            return dict(_no_filters(self.filters_class))
        form = self.filters_class(data=given, context={"view": self})
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def _takes_key(self) -> bool:
        """Whether a repeat of this request is to get the first answer."""
        if self.request.method != "POST" or self.action in self.secret_actions:
            return False
        return self.action in self.spending_actions or KEY_HEADER in self.request.headers

    def _once_apart(self, handler: Callable[..., Response], *args: Any, **kwargs: Any) -> Response:
        """As :meth:`_once`, for a handler that opens its own blocks.

        Of two requests at once both may come to the service, which is safe to repeat by itself.
        """
        if not self._takes_key():
            return handler(*args, **kwargs)
        key, account = idempotency_key(self.request), self.account
        digest = _request_fingerprint(self.request)
        with tenant(account.pk, read_only=True):
            found = repeats.known_answer(account=account, key=key, fingerprint=digest)
        if found is not None:
            return _replayed(found)
        response = handler(*args, **kwargs)
        with tenant(account.pk):
            if repeats.first_answer(account=account, key=key, fingerprint=digest) is None:
                body = _plain(response.data)
                repeats.keep_answer(
                    account=account, key=key, status_code=response.status_code, body=body
                )
        return response

    def _once(self, handler: Callable[..., Response], *args: Any, **kwargs: Any) -> Response:
        if not self._takes_key():
            return handler(*args, **kwargs)
        key, account = idempotency_key(self.request), self.account
        digest = _request_fingerprint(self.request)
        if found := repeats.first_answer(account=account, key=key, fingerprint=digest):
            return _replayed(found)
        response = handler(*args, **kwargs)
        repeats.keep_answer(
            account=account, key=key, status_code=response.status_code, body=_plain(response.data)
        )
        return response

    def _enter(self, request: Request, account_id: int, needed: Role) -> str:
        """Check the role of the key or the person; who acts, for the trails."""
        self.is_visit = False
        if isinstance(request.auth, ApiKey):  # of this account: it was looked up there
            self.role, actor = request.auth.role, f"key:{request.auth.pk}"
        else:
            entrance = entrance_of(request, now=timezone.now())
            self.role, actor = entrance.role_in(account_id), entrance.actor
            self.is_visit = entrance.is_visit
        if not self.role.includes(needed):
            raise Refused(f"This needs the role {needed.label}.", role=needed.value)
        return actor


class BulkActions:
    """What is done to several rows at once."""

    account: Account

    def _bulk(self, request: Request, service: BulkService) -> Response:
        form = BulkIds(data=request.data)
        form.is_valid(raise_exception=True)
        ids = list(dict.fromkeys(form.validated_data["ids"]))
        changed = service(account=self.account, ids=ids, now=timezone.now())
        return Response(Changed({"changed": changed}).data)


class BinActions(BulkActions):
    """Delete and restore, one row or many. The bin is the list with ``?deleted=true``.

    :cvar delete_rows: the service behind ``DELETE`` and ``bulk-delete``.
    :cvar restore_rows: the service behind ``restore`` and ``bulk-restore``.
    """

    delete_rows: ClassVar[BulkService]
    restore_rows: ClassVar[BulkService]

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Put a row into the bin, from which it can be restored."""
        type(self).delete_rows(account=self.account, ids=[int(pk)], now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def restore(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Take a row out of the bin. 409 when something else has its place by now."""
        type(self).restore_rows(account=self.account, ids=[int(pk)], now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=BulkIds, responses=Changed)
    @action(detail=False, methods=["post"], url_path="bulk-delete")
    def bulk_delete(self, request: Request, **_path: Any) -> Response:
        """Put rows into the bin: all of them, or none."""
        return self._bulk(request, type(self).delete_rows)

    @extend_schema(request=BulkIds, responses=Changed)
    @action(detail=False, methods=["post"], url_path="bulk-restore")
    def bulk_restore(self, request: Request, **_path: Any) -> Response:
        """Take rows out of the bin: all of them, or none."""
        return self._bulk(request, type(self).restore_rows)


def idempotency_key(request: Request) -> str:
    """The header ``Idempotency-Key`` of a request.

    :raises InvalidInput: missing, or not 1 to 48 visible ASCII characters.
    """
    key = request.headers.get(KEY_HEADER, "")
    if not key or len(key) > MAX_KEY_LENGTH or not all("!" <= letter <= "~" for letter in key):
        raise InvalidInput(
            "Send an Idempotency-Key header: 1 to 48 visible ASCII characters.",
            idempotency_key=["missing or malformed"],
        )
    return key


def _replayed(found: repeats.FirstAnswer) -> Response:
    return Response(found.body, found.status_code, headers={"Idempotent-Replayed": "true"})


@cache
def _no_filters(filters_class: type[Filters]) -> dict[str, Any]:
    """The values of a list that nothing is asked of: the same for every request."""
    form = filters_class(data={})
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def _request_fingerprint(request: Request) -> str:
    body = {name: _digest(value) for name, value in _items(request.data)}
    return fingerprint(REQUEST_VERSION, path=request.get_full_path(), body=body)


def _items(data: Any) -> list[tuple[str, Any]]:
    if hasattr(data, "lists"):  # a form, with files
        return [(name, values) for name, values in data.lists()]
    return list(data.items()) if isinstance(data, dict) else [("", data)]


def _digest(value: Any) -> Any:
    if isinstance(value, list):
        return [_digest(item) for item in value]
    if isinstance(value, UploadedFile):
        value.seek(0)
        digest = hashlib.file_digest(value, "sha256")
        value.seek(0)
        return digest.hexdigest()
    return value


def _plain(data: Any) -> Any:
    """What the renderer would make of it, for a JSON column."""
    if isinstance(data, dict):
        return {str(name): _plain(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if data is None or isinstance(data, str | int | float | bool):
        return data
    return JSONEncoder().default(data)
