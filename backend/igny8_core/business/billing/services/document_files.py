"""Files of numbered documents: the first one that is made is kept and given to everybody."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from igny8_core.business.billing.models import CreditNote, Invoice
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

DOCUMENTS: Final = "documents"
PDF, XML = "pdf", "xml"
"""Kinds of files; ``<kind>_sha256`` of the document names what is kept."""

Document = Invoice | CreditNote


def read_document(
    *, account: HasKey, kind: type[Document], document_id: int
) -> tuple[Document, Invoice]:
    """A document, and the invoice that it is or takes back; outside of tenant blocks.

    :raises NotFound: unknown, or another account's.
    """
    with tenant(account.pk, read_only=True):
        document = _find(account, kind, document_id)
        if isinstance(document, Invoice):
            return document, document
        if document.reverses_id is not None:
            document.reverses = _find(account, CreditNote, document.reverses_id)
        return document, _find(account, Invoice, document.invoice_id)


def kept(document: Document, suffix: str) -> bytes | None:
    """What is kept of a document; None when nothing was made, or it was lost."""
    digest: str = getattr(document, f"{suffix}_sha256")
    if not digest:
        return None
    storage, path = storages[DOCUMENTS], _path(document, digest, suffix)
    if not storage.exists(path):
        log.error("billing.document.lost", document=document.number, kind=suffix)
        return None
    with storage.open(path) as file:
        data: bytes = file.read()
    return data


def keep(*, account: HasKey, document: Document, suffix: str, data: bytes) -> bytes:
    """Store a file of a numbered document, unless somebody was faster; what is kept."""
    digest, column = hashlib.sha256(data).hexdigest(), f"{suffix}_sha256"
    storage, path = storages[DOCUMENTS], _path(document, digest, suffix)
    if not storage.exists(path):
        storage.save(path, ContentFile(data))
    with tenant(account.pk):
        rows = type(document).objects.for_account(account).filter(pk=document.pk)
        before = {column: getattr(document, column)}
        if rows.filter(**before).update(**{column: digest}):
            setattr(document, column, digest)
            return data
        setattr(document, column, getattr(rows.get(), column))
    return kept(document, suffix) or data


def _find(account: HasKey, kind: type[Document], document_id: int) -> Any:
    found = kind.objects.for_account(account).filter(pk=document_id).first()
    if found is None:
        raise NotFound("no such document", document_id=document_id)
    return found


def _path(document: Document, digest: str, suffix: str) -> str:
    return f"{document.account_id}/{document.number}-{digest[:16]}.{suffix}"
