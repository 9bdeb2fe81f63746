"""Settings that hold everywhere. Code reads ``django.conf.settings``, never the environment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string

from igny8_core.settings.env import read_env
from igny8_core.settings.logs import configure_logs

ENV = read_env()
PACKAGE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = ENV.data_dir

SECRET_KEY = ENV.secret or "not-for-serving-" + "0" * 40
DEBUG = ENV.debug
ALLOWED_HOSTS = ENV.allowed_hosts
PUBLIC_URL = ENV.public_url.rstrip("/")
ROOT_URLCONF = "igny8_core.urls"
WSGI_APPLICATION = "igny8_core.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"  # an identity column: no sequence to grant
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

INSTALLED_APPS = [
    "igny8_core.common.tenancy",  # first: its migrate and makemigrations replace Django's
    "igny8_core.auth",
    "igny8_core.outbox",
    "igny8_core.ai",
    "igny8_core.business.billing",
    "igny8_core.business.planning",
    "igny8_core.business.content",
    "igny8_core.business.integration",
    "igny8_core.business.publishing",
    "igny8_core.business.optimization",
    "igny8_core.business.automation",
    "igny8_core.api",
    "igny8_core.web",
    "igny8_core.common.tenancy.apps.OperatorsAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "servestatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "django_cotton.apps.SimpleAppConfig",
    "template_partials.apps.SimpleAppConfig",
    "lucide",
    "csp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "igny8_core.web.static_files.static_files",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "igny8_core.web.middleware.RequestLogMiddleware",
]

_LOADERS = ["django_cotton.cotton_loader.Loader", "django.template.loaders.app_directories.Loader"]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [("django.template.loaders.cached.Loader", _LOADERS)],
                )
            ],
            "builtins": [
                "django_cotton.templatetags.cotton",
                "django.contrib.humanize.templatetags.humanize",
                "template_partials.templatetags.partials",
                "lucide.templatetags.lucide",
                "igny8_core.web.templatetags.ui",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "igny8_core.web.shell.around",
            ],
        },
    }
]

# --- identity
AUTH_USER_MODEL = "igny8_auth.User"
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_ADAPTER = "igny8_core.web.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "igny8_core.web.forms.identity.SignInForm",
    "signup": "igny8_core.web.forms.identity.SignUpForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_CHANGE_EMAIL = True  # one address; a new one holds once its link was opened
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True  # changed passwords and second factors are told by mail
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True  # in the browser that signed up, nowhere else
ACCOUNT_LOGOUT_REDIRECT_URL = "/sign-in/"
ACCOUNT_SESSION_REMEMBER = True
ALLAUTH_TRUSTED_PROXY_COUNT = ENV.trusted_proxies
MFA_ADAPTER = "igny8_core.web.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "IGNY8"
MFA_TOTP_TOLERANCE = 1  # a clock may be half a minute off
MFA_RECOVERY_CODES_SHOW_ONCE = True

# --- mail: printed by the web process until a server is named
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if ENV.email_url else 'console'}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = ENV.mail_server.host, ENV.mail_server.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = ENV.mail_server.user, ENV.mail_server.password
EMAIL_USE_TLS, EMAIL_USE_SSL = ENV.mail_server.starttls, ENV.mail_server.ssl
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENV.email_from

# --- sessions
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
_PAYPAL = "https://www.paypal.com" if ENV.paypal_is_live else "https://www.sandbox.paypal.com"
PAYMENT_ORIGINS = [
    *(["https://checkout.stripe.com"] if ENV.stripe_secret_key is not None else []),
    *([_PAYPAL] if ENV.paypal_client_id else []),
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "form-action": [SELF, *PAYMENT_ORIGINS],  # it also governs where a form's answer leads
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- databases: one role an alias; `default` owns nothing and sees one account at a time
ATOMIC_REQUESTS = False
POOL_SIZE = ENV.worker_threads + 2
DATABASES: dict[str, dict[str, Any]] = {
    alias: ENV.database(alias) | {"CONN_MAX_AGE": 0} for alias in ("default", "owner", "admin")
}
_TIMEOUTS = "-c statement_timeout=30s -c lock_timeout=3s -c idle_in_transaction_session_timeout=15s"
# A pool tries again after 1, 2, 4 … s. Given up soon, it tries at once for whoever asks next: a
# database that is back is used within seconds, however long it was away.
_POOL = {"min_size": 1, "timeout": 5.0, "reconnect_timeout": 3.0}
DATABASES["default"]["OPTIONS"] |= {
    "pool": _POOL | {"max_size": POOL_SIZE},
    "options": _TIMEOUTS,
}
DATABASES["admin"]["OPTIONS"] |= {"pool": _POOL | {"max_size": 4}, "options": _TIMEOUTS}
DATABASES["owner"]["OPTIONS"] |= {"options": "-c igny8.maintenance=on -c lock_timeout=5s"}
DATABASE_ROUTERS = ["igny8_core.common.tenancy.routers.RoleRouter"]
TENANCY_SET_ROLE: str | None = None  # tests only: one login that may take any role
TENANCY_STAFF_ALIAS = "admin"

# --- cache, queue
CACHES = {
    "default": {
        "BACKEND": "igny8_core.common.cache.ForgivingRedisCache",
        "LOCATION": ENV.cache,
        "KEY_PREFIX": "igny8",
    }
}
BROKER_URL = ENV.broker
WORKER_THREADS = ENV.worker_threads
LEASE_SECONDS = ENV.lease_seconds
HEARTBEAT_SECONDS = ENV.heartbeat_seconds
STALE_HINT_SECONDS = ENV.stale_hint_seconds
CRASH_AT, CRASH_MARKER = ENV.crash_at, ENV.crash_marker

# --- billing
HOLD_TTL = timedelta(minutes=75)  # longer than any lease or redelivery: the sweep frees it then
PLAN_GRACE_DAYS = 3  # a provider's customer keeps the credits while the renewal is not paid
RENEWAL_LEAD_DAYS = 14  # a renewal that is paid by hand is invoiced so long before, at most
PRICE_NOTICE_DAYS = 14  # a provider charges a price that was fixed, and told, so long before
DUNNING_DAYS = {"day_3": 3, "day_5": 5, "restricted": 7, "suspended": 14, "cancelled": 30}
LATE_RESULT_HOURS = 24  # a result that cannot be paid is offered for so long
ADJUSTMENT_SECOND_APPROVAL_CREDITS = 10_000  # from here on two people agree
PAYMENT_SECOND_APPROVAL_MINOR = 100_000  # from here on two people say that the money came
ADJUSTMENT_SECOND_APPROVAL_CREDITS = 10_000  # from here on two people add or take credits

WEBHOOK_RETRY_HOURS = 24  # so long a provider's event may be about a payment we do not know yet
RECONCILE_OVERLAP_HOURS = 2
WEBHOOK_PAYLOAD_DAYS = 90
PAYMENT_KEYS: dict[str, dict[str, Any]] = {}
if ENV.stripe_secret_key is not None:
    PAYMENT_KEYS["stripe"] = {
        "secret_key": ENV.stripe_secret_key.get_secret_value(),
        "webhook_secrets": [secret.get_secret_value() for secret in ENV.stripe_webhook_secrets],
    }
if ENV.paypal_client_id and ENV.paypal_secret is not None:
    PAYMENT_KEYS["paypal"] = {
        "client_id": ENV.paypal_client_id,
        "secret_key": ENV.paypal_secret.get_secret_value(),
        "webhook_secrets": ENV.paypal_webhook_ids,
        "is_live": ENV.paypal_is_live,
    }

# --- files
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
MAX_UPLOAD_BYTES = 70 * 1024 * 1024  # a keyword file may have 64 MiB
FILE_UPLOAD_HANDLERS = [
    "igny8_core.common.uploads.LimitedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
MEDIA_ROOT = DATA_DIR / "storage" / "media"
MEDIA_URL = "/media/"
SITES_ROOT = DATA_DIR / "storage" / "sites"
SITES_URL = ENV.sites_url
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "imports": {  # keyword files as they came; never served
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "storage" / "imports"},
    },
    "proofs": {  # evidence of payments made by hand; shown to operators alone
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "storage" / "proofs"},
    },
    "documents": {  # invoices and credit notes as they were sent
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "storage" / "documents"},
    },
    "history": {  # what imported accounts brought along to be read; never served
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "storage" / "history"},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG
SERVESTATIC_IMMUTABLE_FILE_TEST = r"-[A-Z0-9]{8}\."  # every compiled file carries a hash

# --- AI
LOCAL_MODEL_URL = ENV.local_model
OPENAI_BASE_URL = ENV.openai_base_url
TEXT_MODEL = ENV.text_model
TEXT_MODEL_IS_FREE = ENV.text_model_is_free
IMAGE_MODEL = ENV.image_model
IMAGE_MODEL_IS_FREE = ENV.image_model_is_free
PLATFORM_LIMITS = {
    "requests_per_minute": ENV.platform_requests_per_minute,
    "tokens_per_minute": ENV.platform_tokens_per_minute,
    "concurrency": ENV.platform_concurrency,
}
AI_COST_USD_MICROS_PER_DAY = (
    None if ENV.account_cost_cents_per_day is None else ENV.account_cost_cents_per_day * 10_000
)
PROVIDER_PRIVATE_ADDRESSES = ENV.provider_private_addresses
PLATFORM_KEYS = {
    name: key.get_secret_value()
    for name, key in (
        ("openai", ENV.openai_api_key),
        ("anthropic", ENV.anthropic_api_key),
        ("google", ENV.google_api_key),
    )
    if key is not None
}
WEBHOOK_PRIVATE_ADDRESSES = ENV.webhook_private_addresses
SITE_PRIVATE_ADDRESSES = ENV.site_private_addresses
SITE_HTTP_CLIENT = "igny8_core.clients.guarded_http.GuardedClient"
CREDENTIAL_KEYS = [key.get_secret_value() for key in ENV.credential_keys]

# --- API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "igny8_core.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "igny8_core.api.schema.TenantSchema",
    "EXCEPTION_HANDLER": "igny8_core.api.errors.exception_handler",
    "DEFAULT_PAGINATION_CLASS": "igny8_core.api.pagination.KeysetPagination",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["igny8_core.api.bodies.BodyParser"],
    "URL_FORMAT_OVERRIDE": None,  # ?format= is a filter that does not exist
}


def _enum_names() -> Any:
    """Asked for once the domains are loaded."""
    found: dict[str, Any] = import_string("igny8_core.api.schema.enum_names")()
    return found | {"PaidOperationEnum": "igny8_core.api.v1.usage.OPERATIONS"}


SPECTACULAR_SETTINGS = {
    "TITLE": "IGNY8",
    "DESCRIPTION": "From a keyword list to published pages, metered in credits.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "PATH_CONVERTER_OVERRIDES": {"key": {"type": "integer", "format": "int64", "minimum": 1}},
    "ENUM_NAME_OVERRIDES": SimpleLazyObject(_enum_names),
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "igny8_core.api.schema.add_problems",
        "igny8_core.api.schema.add_links",
    ],
}

# --- what operators watch
METRICS_TOKEN = ENV.metrics_token.get_secret_value() if ENV.metrics_token else ""
TRACING = ENV.tracing

# --- logs
LOGGING_CONFIG = None
configure_logs(level=ENV.log_level)
