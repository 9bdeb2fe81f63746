"""Fingerprints of requests: the same key with another body is a conflict, never a success."""

from __future__ import annotations

import hashlib
import json
from typing import Any

KEY_LENGTH = 64


def fingerprint(version: int, **parts: Any) -> str:
    """A digest over JSON values, stable over processes and orders of keywords.

    :param version: of the caller's own scheme; raise it when the parts change their meaning.
    :returns: 64 hexadecimal digits.
    """
    text = json.dumps([version, parts], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
