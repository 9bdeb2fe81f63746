"""Pictures from OpenAI, and from any server with its images API, through the official SDK."""

from __future__ import annotations

import base64
import binascii
import warnings
from dataclasses import dataclass, field
from io import BytesIO
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any

import httpx2
import openai
from openai import AsyncOpenAI
from PIL import Image, UnidentifiedImageError
from pydantic_ai import exceptions as pai

from igny8_core.ai.errors import AnswerMalformed, ProviderError, WorkCancelled
from igny8_core.ai.ports import COSTS_MONEY, NO_LIMITS, Capabilities, ImageAnswer, RateLimits
from igny8_core.ai.providers import http
from igny8_core.ai.providers.failures import as_provider_error
from igny8_core.ai.providers.openai_compatible import NO_KEY, OPENAI_URL, api_address

if TYPE_CHECKING:
    from openai.types import ImagesResponse

    from igny8_core.ai.ports import ImageProvider, ImageRequest

QUALITY = "medium"
SIZES = ((1024, 1024), (1536, 1024), (1024, 1536))
"""The shapes that OpenAI's models make."""

MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
PIXELS_MAX = 40_000_000

BLOCKED = {"moderation_blocked", "content_policy_violation"}
UNPAID = {"insufficient_quota", "billing_hard_limit_reached"}
TOO_LONG = {"context_length_exceeded", "string_above_max_length"}
_CATEGORIES: list[tuple[type[openai.APIStatusError], Any]] = [
    (openai.RateLimitError, pai.ModelRateLimitError),
    (openai.AuthenticationError, pai.ModelAuthenticationError),
    (openai.PermissionDeniedError, pai.ModelAuthenticationError),
    (openai.NotFoundError, pai.ModelNotFoundError),
    (openai.InternalServerError, pai.ModelServerError),
]


@dataclass(frozen=True)
class OpenAIImages:
    """An :class:`ImageProvider` over the images API.

    :param address: of the API; OpenAI's own unless ``is_compatible``.
    :param is_compatible: another server: it gets the wanted size as it is, and is asked for the
        picture itself, since many answer with an address, which is never fetched.
    """

    name: str
    model: str
    key_fingerprint: str
    address: str
    api_key: str = field(repr=False)
    reach: http.Reach
    is_compatible: bool
    capabilities: Capabilities = COSTS_MONEY
    limits: RateLimits = NO_LIMITS

    @property
    def api_url(self) -> str:
        return self.address if self.is_compatible else ""

    def generate(self, request: ImageRequest) -> ImageAnswer:
        """Make one picture.

        :raises ProviderError: with what the provider said.
        :raises WorkCancelled: the request was cancelled; the connection is closed.
        """
        try:
            response = http.call(
                lambda: self._ask(request),
                timeout_seconds=request.timeout_seconds,
                is_cancelled=request.is_cancelled,
            )
        except WorkCancelled:
            raise
        except Exception as exc:
            raise self._failure(exc) from exc
        return self._answer(response)

    async def _ask(self, request: ImageRequest) -> ImagesResponse:
        sdk = AsyncOpenAI(
            api_key=self.api_key or NO_KEY,
            base_url=self.address,
            http_client=http.client(self.reach),
            max_retries=0,
        )
        size = (request.width, request.height)
        options: dict[str, Any] = {"response_format": "b64_json"}
        if not self.is_compatible:
            size = nearest_size(*size)
            options = {"quality": QUALITY, "output_format": "jpeg"}
        made: ImagesResponse = await sdk.images.generate(
            model=self.model,
            prompt=request.prompt,
            n=1,
            size=f"{size[0]}x{size[1]}",
            timeout=request.timeout_seconds,
            **options,
        )
        return made

    def _answer(self, response: ImagesResponse) -> ImageAnswer:
        used = getattr(response, "usage", None)
        prompt_tokens = getattr(used, "input_tokens", 0) or 0
        completion_tokens = getattr(used, "output_tokens", 0) or 0
        try:
            data = self._data(response)
            media_type, width, height = self._decoded(data)
        except AnswerMalformed as exc:
            exc.prompt_tokens, exc.completion_tokens = prompt_tokens, completion_tokens
            raise
        return ImageAnswer(
            data=data,
            media_type=media_type,
            width=width,
            height=height,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
        )

    def _data(self, response: Any) -> bytes:
        made = getattr(response, "data", None)
        if not isinstance(made, list) or not made:
            raise self._malformed("gave no picture")
        encoded = getattr(made[0], "b64_json", None)
        if not encoded:
            raise self._malformed("gave the address of a picture in place of the picture")
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError, TypeError) as exc:
            raise self._malformed("gave a picture that cannot be read") from exc

    def _decoded(self, data: bytes) -> tuple[str, int, int]:
        """What the bytes are, whatever the provider calls them: decoded once, whole."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(BytesIO(data), formats=list(MEDIA_TYPES)) as found:
                    width, height = found.size
                    if width * height > PIXELS_MAX:
                        raise self._malformed("gave a picture that is too large")
                    found.load()
                    return MEDIA_TYPES[str(found.format)], width, height
        except (
            UnidentifiedImageError,
            Image.DecompressionBombError,
            Image.DecompressionBombWarning,
            OSError,
            SyntaxError,
            ValueError,
        ) as exc:
            raise self._malformed("gave a picture that cannot be read") from exc

    def _malformed(self, what: str) -> AnswerMalformed:
        return AnswerMalformed(
            f"{self.name} {what} ({self.model}).", provider=self.name, model=self.model
        )

    def _failure(self, error: Exception) -> ProviderError:
        known = _categorised(error, self.model)
        return as_provider_error(known, provider=self.name, model=self.model)


def nearest_size(width: int, height: int) -> tuple[int, int]:
    """The shape of OpenAI's that comes closest to the wanted one."""
    wanted = width / height
    return min(SIZES, key=lambda size: abs(size[0] / size[1] - wanted))


def image_provider(
    *,
    name: str,
    model: str,
    api_key: str,
    key_fingerprint: str,
    base_url: str,
    reach: http.Reach,
    capabilities: Capabilities = COSTS_MONEY,
    limits: RateLimits = NO_LIMITS,
) -> ImageProvider:
    """OpenAI's images API, or that of the server at ``base_url``."""
    return OpenAIImages(
        name=name,
        model=model,
        key_fingerprint=key_fingerprint,
        address=api_address(base_url) if base_url else OPENAI_URL,
        api_key=api_key,
        reach=reach,
        is_compatible=bool(base_url),
        capabilities=capabilities,
        limits=limits,
    )


def _categorised(error: Exception, model: str) -> Exception:
    """The SDK's error in the categories that :mod:`failures` has words for."""
    if isinstance(error, openai.APITimeoutError):
        known: Exception = pai.ModelTimeoutError(model, error.message)
    elif isinstance(error, openai.APIConnectionError):
        is_sent = not isinstance(error.__cause__, httpx2.ConnectError | httpx2.PoolTimeout)
        phase = "read" if is_sent else "connect"
        known = pai.ModelConnectionError(model, error.message, phase=phase)  # type: ignore[arg-type]  # a literal
    elif isinstance(error, openai.APIStatusError):
        known = _of_status(error, model)
    elif isinstance(error, openai.APIResponseValidationError | JSONDecodeError):
        known = pai.ModelAPIError(model, "It is not the JSON that was asked for.")
    else:
        return error
    known.__cause__ = error  # what our own client raised inside stands at the end of the chain
    return known


def _of_status(error: openai.APIStatusError, model: str) -> Exception:
    if error.code in BLOCKED:
        return pai.ContentFilterError(error.message)
    category = next((ours for theirs, ours in _CATEGORIES if isinstance(error, theirs)), None)
    if error.code in UNPAID:
        category = pai.ModelQuotaExceededError
    elif error.code in TOO_LONG:
        category = pai.ModelContextWindowExceededError
    return pai.ModelHTTPError.for_category(
        category or pai.ModelRequestRejectedError,
        status_code=error.status_code,
        model_name=model,
        body=error.body,
        headers=dict(error.response.headers),
    )
