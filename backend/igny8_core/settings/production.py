"""Served to people: everything explicit, nothing made up."""

from igny8_core.settings.base import *  # noqa: F403
from igny8_core.settings.base import ENV, PUBLIC_URL
from igny8_core.settings.env import EnvironmentInvalid

if ENV.secret is None:
    raise EnvironmentInvalid(
        "settings are wrong:\n  IGNY8_SECRET_KEY: missing (igny8 up makes one)"
    )
if ENV.debug:
    raise EnvironmentInvalid("settings are wrong:\n  IGNY8_DEBUG: must be off in production")

_SECURE = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = _SECURE
CSRF_COOKIE_SECURE = _SECURE
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _SECURE else None
SECURE_HSTS_SECONDS = 31_536_000 if _SECURE else 0
