"""What the fake provider server says: the wire formats of OpenAI, Anthropic and Google.

Whole answers, pictures, and the events of a stream; as the providers' documentation shows them.
"""

from __future__ import annotations

import base64
import json
from enum import Enum
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT_TOKENS, ANSWER_TOKENS = 40, 12
IMAGE_TOKENS = 1_056


class Fault(Enum):
    """What goes wrong with one request."""

    RATE_LIMIT = "rate_limit"
    RATE_LIMIT_SILENT = "rate_limit_silent"  # a 429 that does not say for how long
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    SLOW = "slow"  # nothing comes for longer than anybody waits
    STALL = "stall"  # a stream that begins, and then nothing comes
    CUT = "cut"  # the connection breaks in the middle
    CUT_CLEAN = "cut_clean"  # a stream that ends without its end
    ERROR_EVENT = "error_event"  # a stream in which the provider reports a fault of its own
    MALFORMED = "malformed"
    WRONG_SCHEMA = "wrong_schema"
    REFUSAL = "refusal"
    CONTENT_FILTER = "content_filter"
    HUGE = "huge"
    EMPTY = "empty"
    LENGTH = "length"
    KEY_REFUSED = "key_refused"
    QUOTA_SPENT = "quota_spent"
    MODEL_UNKNOWN = "model_unknown"
    CONTEXT_TOO_LONG = "context_too_long"
    NOT_A_PICTURE = "not_a_picture"
    LINK_ONLY = "link_only"  # the address of a picture in place of the picture


# Status, OpenAI's code, Anthropic's type, message.
ERRORS = {
    Fault.RATE_LIMIT: (429, "rate_limit_exceeded", "rate_limit_error", "Slow down."),
    Fault.RATE_LIMIT_SILENT: (429, "rate_limit_exceeded", "rate_limit_error", "Slow down."),
    Fault.SERVER_ERROR: (500, "server_error", "api_error", "Something broke here."),
    Fault.OVERLOADED: (503, "server_is_overloaded", "overloaded_error", "Too busy."),
    Fault.KEY_REFUSED: (401, "invalid_api_key", "authentication_error", "Bad key sk-abcdef123456."),
    Fault.QUOTA_SPENT: (429, "insufficient_quota", "billing_error", "No credit left."),
    Fault.MODEL_UNKNOWN: (404, "model_not_found", "not_found_error", "No such model."),
    Fault.CONTEXT_TOO_LONG: (
        400,
        "context_length_exceeded",
        "invalid_request_error",
        "prompt is too long: 9000 tokens > 8000 maximum",
    ),
}
ANTHROPIC_STATUS = {Fault.QUOTA_SPENT: 402, Fault.OVERLOADED: 529}
BLOCKED = (400, "moderation_blocked", "", "Your request was rejected by the safety system.")
"""How OpenAI's images API refuses."""


def dialect_of(path: str) -> str:
    """Whose API a path belongs to."""
    if path.endswith("/images/generations"):
        return "images"
    if path.endswith("/chat/completions"):
        return "openai"
    return "anthropic" if path.endswith("/messages") else "google"


def is_stream(path: str, body: dict[str, Any]) -> bool:
    """Whether the request asks for a stream."""
    return bool(body.get("stream")) or ":streamGenerateContent" in path


def error_body(fault: Fault, dialect: str) -> tuple[int, dict[str, Any]]:
    """Status and body of an error."""
    status, code, kind, message = ERRORS.get(fault, BLOCKED)
    if dialect == "anthropic":
        status = ANTHROPIC_STATUS.get(fault, status)
        return status, {"type": "error", "error": {"type": kind, "message": message}}
    if dialect == "google":
        return status, {"error": {"code": status, "message": message, "status": "UNKNOWN"}}
    error = {"message": message, "type": code, "param": None, "code": code}
    return status, {"error": error}


def picture(width: int = 64, height: int = 48) -> bytes:
    """A small PNG."""
    buffer = BytesIO()
    Image.new("RGB", (width, height), (200, 120, 40)).save(buffer, "PNG")
    return buffer.getvalue()


def said(text: str, structured: dict[str, Any], fault: Fault | None, *, is_structured: bool) -> str:
    """The words of an answer."""
    if fault is Fault.EMPTY:
        return ""
    if fault is Fault.WRONG_SCHEMA:
        return json.dumps({"headline": "not asked for"})
    return json.dumps(structured) if is_structured else text


# --- whole answers


def openai_answer(
    body: dict[str, Any], text: str, structured: dict[str, Any], fault: Fault | None
) -> dict[str, Any]:
    content = said(text, structured, fault, is_structured="response_format" in body)
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if fault is Fault.REFUSAL:
        message |= {"content": None, "refusal": "I cannot help with that."}
    if fault is Fault.CONTENT_FILTER:
        message["content"] = ""
    total = PROMPT_TOKENS + ANSWER_TOKENS
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": _openai_reason(fault)}],
        "usage": {
            "prompt_tokens": PROMPT_TOKENS,
            "completion_tokens": ANSWER_TOKENS,
            "total_tokens": total,
        },
    }


def anthropic_answer(
    body: dict[str, Any], text: str, structured: dict[str, Any], fault: Fault | None
) -> dict[str, Any]:
    tools = body.get("tools") or []
    content: list[dict[str, Any]]
    if tools:
        given = json.loads(said(text, structured, fault, is_structured=True) or "{}")
        content = [{"type": "tool_use", "id": "tool-1", "name": tools[0]["name"], "input": given}]
    else:
        is_structured = "output_config" in body or "output_format" in body
        words = said(text, structured, fault, is_structured=is_structured)
        content = [{"type": "text", "text": words}] if words else []
    if fault in {Fault.REFUSAL, Fault.CONTENT_FILTER}:
        content = []
    return {
        "id": "msg-1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": _anthropic_reason(fault, is_tool=bool(tools)),
        "stop_sequence": None,
        "usage": {"input_tokens": PROMPT_TOKENS, "output_tokens": ANSWER_TOKENS},
    }


def google_answer(
    body: dict[str, Any], text: str, structured: dict[str, Any], fault: Fault | None
) -> dict[str, Any]:
    is_structured = "responseMimeType" in body.get("generationConfig", {})
    words = said(text, structured, fault, is_structured=is_structured)
    reason = {Fault.LENGTH: "MAX_TOKENS", Fault.CONTENT_FILTER: "SAFETY", Fault.REFUSAL: "SAFETY"}
    parts = [] if fault in {Fault.CONTENT_FILTER, Fault.REFUSAL} else [{"text": words}]
    return {
        "candidates": [
            {
                "content": {"role": "model", "parts": parts},
                "finishReason": reason.get(fault, "STOP") if fault else "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": PROMPT_TOKENS,
            "candidatesTokenCount": ANSWER_TOKENS,
            "totalTokenCount": PROMPT_TOKENS + ANSWER_TOKENS,
        },
        "responseId": "resp-1",
        "modelVersion": "gemini-2.5-flash",
    }


def images_answer(
    body: dict[str, Any], text: str, structured: dict[str, Any], fault: Fault | None
) -> dict[str, Any]:
    del text, structured
    width, _, height = body["size"].partition("x")
    entry: dict[str, Any] = {
        "b64_json": base64.b64encode(picture(int(width) // 8, int(height) // 8)).decode()
    }
    if fault is Fault.NOT_A_PICTURE:
        entry = {"b64_json": base64.b64encode(b"GIF or not, this is no picture").decode()}
    if fault is Fault.LINK_ONLY:
        entry = {"url": "http://127.0.0.1:1/picture.png"}
    if fault is Fault.WRONG_SCHEMA:
        return {"pictures": "somewhere else"}
    return {
        "created": 1_790_000_000,
        "data": [] if fault is Fault.EMPTY else [entry],
        "usage": {
            "input_tokens": PROMPT_TOKENS,
            "input_tokens_details": {"text_tokens": PROMPT_TOKENS, "image_tokens": 0},
            "output_tokens": IMAGE_TOKENS,
            "total_tokens": PROMPT_TOKENS + IMAGE_TOKENS,
        },
    }


ANSWERS = {
    "openai": openai_answer,
    "anthropic": anthropic_answer,
    "google": google_answer,
    "images": images_answer,
}


# --- streams: each event as it goes over the wire


def openai_events(body: dict[str, Any], words: list[str], fault: Fault | None) -> Iterator[bytes]:
    def event(delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
        chunk = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_790_000_000,
            "model": body["model"],
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        }
        return b"data: " + json.dumps(chunk | more).encode() + b"\n\n"

    yield event({"role": "assistant", "content": ""})
    if fault is Fault.REFUSAL:
        yield event({"refusal": "I cannot help with that."})
        words = []
    for word in words:
        yield event({"content": word})
    if fault is Fault.ERROR_EVENT:
        error = {"message": "Something broke here.", "type": "server_error", "code": None}
        yield b"data: " + json.dumps({"error": error}).encode() + b"\n\n"
        return
    yield event({}, _openai_reason(fault))
    usage = openai_answer(body, "", {}, None)["usage"]
    yield event({}, usage=usage, choices=[])
    yield b"data: [DONE]\n\n"


def anthropic_events(
    body: dict[str, Any], words: list[str], fault: Fault | None
) -> Iterator[bytes]:
    def event(kind: str, **data: Any) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind} | data)}\n\n".encode()

    message = anthropic_answer(body, "", {}, None)
    message |= {"content": [], "stop_reason": None}
    message["usage"] = {"input_tokens": PROMPT_TOKENS, "output_tokens": 1}
    yield event("message_start", message=message)
    if fault in {Fault.REFUSAL, Fault.CONTENT_FILTER}:
        words = []
    if words:
        block = {"type": "text", "text": ""}
        yield event("content_block_start", index=0, content_block=block)
        for word in words:
            delta = {"type": "text_delta", "text": word}
            yield event("content_block_delta", index=0, delta=delta)
    if fault is Fault.ERROR_EVENT:
        error = {"type": "overloaded_error", "message": "Too busy."}
        yield event("error", error=error)
        return
    if words:
        yield event("content_block_stop", index=0)
    stop = {"stop_reason": _anthropic_reason(fault, is_tool=False), "stop_sequence": None}
    yield event("message_delta", delta=stop, usage={"output_tokens": ANSWER_TOKENS})
    yield event("message_stop")


def google_events(body: dict[str, Any], words: list[str], fault: Fault | None) -> Iterator[bytes]:
    for index, word in enumerate(words or [""]):
        chunk = google_answer(body, word, {}, fault)
        if index < len(words) - 1:
            del chunk["candidates"][0]["finishReason"]
        yield b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n"


EVENTS = {"openai": openai_events, "anthropic": anthropic_events, "google": google_events}


def _openai_reason(fault: Fault | None) -> str:
    if fault is Fault.LENGTH:
        return "length"
    return "content_filter" if fault is Fault.CONTENT_FILTER else "stop"


def _anthropic_reason(fault: Fault | None, *, is_tool: bool) -> str:
    if fault is Fault.LENGTH:
        return "max_tokens"
    if fault in {Fault.REFUSAL, Fault.CONTENT_FILTER}:
        return "refusal"
    return "tool_use" if is_tool else "end_turn"
