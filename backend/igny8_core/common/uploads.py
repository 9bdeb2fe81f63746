"""The largest request with files that is read at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

if TYPE_CHECKING:
    from collections.abc import Mapping


class LimitedUpload(FileUploadHandler):
    """First of the upload handlers: refuses by the announced length, before a byte is stored.

    What one endpoint takes of it is that endpoint's own limit.
    """

    def handle_raw_input(
        self,
        input_data: Any,  # noqa: ARG002 - Django's signature
        META: Mapping[str, Any],  # noqa: ARG002, N803
        content_length: int,
        boundary: Any,  # noqa: ARG002
        encoding: str | None = None,  # noqa: ARG002
    ) -> None:
        """:raises RequestDataTooBig: more than ``MAX_UPLOAD_BYTES``."""
        if content_length > settings.MAX_UPLOAD_BYTES:
            raise RequestDataTooBig("The request is larger than anything that we take.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:  # noqa: ARG002
        """Pass it on."""
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The next handler has the file."""
