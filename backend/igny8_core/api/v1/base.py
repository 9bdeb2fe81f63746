"""The base of every endpoint that shows or changes an account's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.db.models import Model
from django.utils import timezone
from rest_framework.viewsets import GenericViewSet

from igny8_core.api.pagination import KeysetPagination
from igny8_core.auth import selectors
from igny8_core.auth.access.entrance import entrance_of
from igny8_core.auth.models import ApiKey
from igny8_core.auth.states import Role
from igny8_core.common.errors import InvalidInput, NotFound, Refused
from igny8_core.common.tenancy.context import acting, tenant

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request
    from rest_framework.response import Response

    from igny8_core.auth.models import Account

M = TypeVar("M", bound=Model)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_KEY_LENGTH = 48


class TenantViewSet(GenericViewSet[M], Generic[M]):
    """Rows of the account named in the path.

    ``initial`` finds the membership or the API key, checks the role and wraps the handler in the
    account's tenant block: around the handler, because DRF turns exceptions into responses
    outside it, and a block there would commit what failed. Safe methods run read only. An account
    that the caller does not belong to is 404.
    """

    pagination_class = KeysetPagination
    read_role: ClassVar[Role] = Role.VIEWER
    write_role: ClassVar[Role] = Role.EDITOR
    orders: ClassVar[dict[str, str]] = {"id": "pk"}
    default_order: ClassVar[str] = ""
    lookup_value_regex = r"[0-9]{1,18}"

    account: Account
    role: Role

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        account_id = int(self.kwargs["account_id"])
        is_safe = request.method in SAFE_METHODS
        actor = self._enter(request, account_id, self.read_role if is_safe else self.write_role)
        name = (request.method or "").lower()
        if (handler := getattr(self, name, None)) is not None:
            setattr(self, name, self._inside(account_id, handler, actor, read_only=is_safe))

    def _inside(
        self, account_id: int, handler: Callable[..., Response], actor: str, *, read_only: bool
    ) -> Callable[..., Response]:
        def run(*args: Any, **kwargs: Any) -> Response:
            with acting(actor), tenant(account_id, read_only=read_only):
                self.account = selectors.account(account_id)
                return handler(*args, **kwargs)

        return run

    def _enter(self, request: Request, account_id: int, needed: Role) -> str:
        """Check the role of the key or the person; who acts, for the trails."""
        if isinstance(request.auth, ApiKey):  # of this account: it was looked up there
            self.role, actor = request.auth.role, f"key:{request.auth.pk}"
        else:
            entrance = entrance_of(request, now=timezone.now())
            if account_id not in entrance.roles:
                raise NotFound("There is no such account.")
            self.role, actor = entrance.roles[account_id], entrance.actor
        if not self.role.includes(needed):
            raise Refused(f"This needs the role {needed.label}.", role=needed.value)
        return actor


def idempotency_key(request: Request) -> str:
    """The header ``Idempotency-Key`` of a request that spends or publishes.

    :raises InvalidInput: missing, or not 1 to 48 visible ASCII characters.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key or len(key) > MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise InvalidInput(
            "Send an Idempotency-Key header: 1 to 48 visible ASCII characters.",
            idempotency_key=["missing or malformed"],
        )
    return key
