"""An object store (S3 and those that speak like it, Google, Azure): whole objects, conditions.

Addresses of stores come from the operator, never from a user. Errors of the network are
``Transient``; what a condition refused is told apart from them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import obstore
from obstore import exceptions
from obstore.store import from_url

from igny8_core.common.errors import Conflict, NotFound, ProviderRejected, Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")
R = TypeVar("R")

PARALLEL: Final = 24
TIMEOUT: Final = "30s"
RETRIES: Final[Any] = {"max_retries": 3}
SCHEMES: Final = ("s3", "gs", "az", "memory")


class ObjectExists(Conflict):
    """There is an object of this name, or a newer one; nothing was written."""

    code = "object_exists"


class StoreUnreachable(Transient):
    """The store did not answer, or not in time."""

    code = "store_unreachable"


class StoreRefused(ProviderRejected):
    """The store does not let us: credentials, or a bucket that is not there."""

    code = "store_refused"


class StoredObject(NamedTuple):
    """An object with the tag that names this state of it."""

    data: bytes
    tag: str | None


class NewObject(NamedTuple):
    """An object to write."""

    path: str
    data: bytes
    content_type: str
    cache_control: str


class ObjectStore:
    """The objects below one address.

    :param url: ``s3://bucket/prefix?endpoint=…&region=…``; credentials come from the usual
        ``AWS_*`` variables of the process (or of Google's and Azure's clients).
    :raises StoreRefused: not an address of a store.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        client: dict[str, Any] = {"timeout": TIMEOUT}
        if options.get("endpoint", "").startswith("http://"):
            client["allow_http"] = True
        config: Any = {f"aws_{k}" if parts.scheme == "s3" else k: v for k, v in options.items()}
        self._prefix = parts.path.strip("/")
        plain = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
        arguments: dict[str, Any] = {}
        if parts.scheme != "memory":
            arguments = {"client_options": client, "retry_config": RETRIES, "config": config}
        if parts.scheme not in SCHEMES:
            raise StoreRefused("not an address of an object store", url=plain)
        try:
            self._store = from_url(plain, **arguments)
        except (exceptions.BaseError, ValueError) as exc:
            raise StoreRefused("not an address of an object store", url=plain) from exc

    def get(self, path: str) -> StoredObject | None:
        """An object; None when there is none."""
        try:
            return self._asked(lambda: self._get(path))
        except NotFound:
            return None

    def put_new(self, path: str, data: bytes, *, content_type: str, cache_control: str) -> None:
        """Write an object that must not be there yet.

        :raises ObjectExists: it is there; nothing was written.
        """
        self.put_all([NewObject(path, data, content_type, cache_control)])

    def put_all(self, objects: Iterable[NewObject]) -> None:
        """Write many objects, none of which may be there yet, several at a time.

        :raises ObjectExists: one is there with other bytes; some of the others may have been
            written.
        """
        self._each(objects, self._put_once)

    def put_over(self, path: str, data: bytes, *, tag: str | None, cache_control: str) -> None:
        """Replace an object, if it still has the tag; None: only if there is none.

        :raises ObjectExists: somebody wrote it meanwhile; nothing was written.
        """
        mode: Any = "create" if tag is None else {"e_tag": tag}
        new = NewObject(path, data, "application/json", cache_control)
        self._asked(lambda: self._put(new, mode=mode))

    def copy_all(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Copy objects inside the store, several at a time.

        :raises NotFound: one is not there.
        """
        self._each(pairs, lambda pair: obstore.copy(self._store, *map(self._at, pair)))

    def sizes(self, prefix: str) -> dict[str, int]:
        """Every object below a prefix with its size in bytes."""

        def listed() -> dict[str, int]:
            pages = obstore.list(self._store, prefix=self._at(prefix), chunk_size=1_000)
            cut = len(self._at(""))
            return {str(o["path"])[cut:]: int(o["size"]) for page in pages for o in page}

        return self._asked(listed)

    def folders(self, prefix: str) -> list[str]:
        """The names right below a prefix that have objects below them."""

        def listed() -> list[str]:
            found = obstore.list_with_delimiter(self._store, self._at(prefix))
            return sorted(str(p).rstrip("/").rpartition("/")[2] for p in found["common_prefixes"])

        return self._asked(listed)

    def delete_all(self, paths: Sequence[str]) -> None:
        """Remove objects; one that is not there is no error."""
        if paths:
            self._asked(lambda: obstore.delete(self._store, [self._at(p) for p in paths]))

    def _at(self, path: str) -> str:
        return f"{self._prefix}/{path}" if self._prefix else path

    def _get(self, path: str) -> StoredObject:
        found = obstore.get(self._store, self._at(path))
        return StoredObject(bytes(found.bytes()), found.meta["e_tag"])

    def _put_once(self, new: NewObject) -> None:
        """Write an object that is not there; one with the same bytes is a write whose answer was
        lost, and repeated.
        """
        try:
            self._put(new, mode="create")
        except exceptions.AlreadyExistsError:
            if self._get(new.path).data != new.data:
                raise

    def _put(self, new: NewObject, *, mode: Any) -> None:
        attributes: Any = {"Content-Type": new.content_type, "Cache-Control": new.cache_control}
        obstore.put(self._store, self._at(new.path), new.data, attributes=attributes, mode=mode)

    def _each(self, items: Iterable[T], call: Callable[[T], Any]) -> None:
        """Several calls at a time; the first failure is the caller's, no further call begins."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            waiting = [pool.submit(self._asked, lambda item=item: call(item)) for item in items]
            try:
                for one in waiting:
                    one.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _asked(self, call: Callable[[], R]) -> R:
        try:
            return call()
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as exc:
            raise ObjectExists("somebody wrote it meanwhile") from exc
        except (exceptions.NotFoundError, FileNotFoundError) as exc:
            raise NotFound("no such object") from exc
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as exc:
            raise StoreRefused("the object store does not let us in") from exc
        except (exceptions.BaseError, OSError) as exc:
            raise StoreUnreachable("the object store did not answer", error=str(exc)[:300]) from exc
