"""The typed environment: every ``IGNY8_*`` variable, read once, all faults reported together."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import platformdirs
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ENGINES_FILE = "engines.json"
"""Addresses of the running embedded engines, written by ``igny8 up`` into the data folder."""

SECRET_FILE = "secret_key"  # noqa: S105 - a file name
"""Made by the first ``igny8 up`` when no secret key is configured."""

DATABASE_ROLES = {"default": "igny8_app", "owner": "igny8_owner", "admin": "igny8_admin"}


MAIL_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
"""Schemes of the mail server's address, with the usual port of each."""


class MailServer(NamedTuple):
    """The parts of ``IGNY8_EMAIL_URL``."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    starttls: bool = False
    ssl: bool = False


class EnvironmentInvalid(SystemExit):
    """One or more settings are wrong; the message has one line for each."""


class Env(BaseSettings):
    """What an operator can set. Unset engine addresses mean the embedded engines."""

    model_config = SettingsConfigDict(
        env_prefix="IGNY8_", env_file=".env", extra="ignore", env_ignore_empty=True
    )

    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("igny8"),
        description="Folder of everything that IGNY8 writes: databases, media, sites, logs.",
    )
    database_url: str | None = Field(
        None, description="PostgreSQL as igny8_app, for web and workers. Unset: embedded."
    )
    owner_database_url: str | None = Field(
        None, description="PostgreSQL as igny8_owner, for migrations. Unset: embedded."
    )
    admin_database_url: str | None = Field(
        None, description="PostgreSQL as igny8_admin, for staff views and sweeps. Unset: embedded."
    )
    broker_url: str | None = Field(
        None, description="redis://, rediss://, redis+socket:// or amqp://. Unset: embedded Valkey."
    )
    cache_url: str | None = Field(
        None, description="Redis or Valkey for the cache (unix:// too). Unset: embedded Valkey."
    )
    storage_url: str | None = Field(
        None, description="Object storage. Unset: the folder `storage` in the data folder."
    )
    sites_url: str | None = Field(
        None,
        description="Object store of static sites: s3://bucket/prefix?endpoint=…&region=…, gs://… "
        "or az://…; credentials as its own tools read them. Unset: a folder.",
    )
    secret_key: SecretStr | None = Field(
        None, description="Django's secret key. Unset: made once and kept in the data folder."
    )
    credential_keys: list[SecretStr] = Field(
        default_factory=list,
        description="Keys that seal stored credentials, newest first, as a JSON list.",
    )
    debug: bool = Field(default=False, description="Django's debug pages. Never on a public host.")
    allowed_hosts: list[str] = Field(
        default_factory=lambda: ["localhost", "127.0.0.1", "[::1]"],
        description="Host names that the web server answers to, as a JSON list.",
    )
    public_url: str = Field(
        "http://127.0.0.1:8910", description="Where people reach the web server; used in links."
    )
    email_url: SecretStr | None = Field(
        None,
        description="Mail server: smtp://user:password@host:587 (STARTTLS), smtps://…:465, or "
        "smtp+plain://host:25. Unset: mails are printed by the web process.",
    )
    email_from: str = Field("IGNY8 <noreply@localhost>", description="Sender of every mail.")
    trusted_proxies: int = Field(
        0, ge=0, le=5, description="Proxies of yours in front, whose X-Forwarded-For is believed."
    )
    local_model_url: str | None = Field(
        None, description="OpenAI-compatible server of the built-in model. Unset: embedded."
    )
    openai_api_key: SecretStr | None = Field(None, description="Platform key for OpenAI.")
    openai_base_url: str | None = Field(
        None, description="Any OpenAI-compatible server (Ollama, vLLM …) instead of OpenAI's own."
    )
    anthropic_api_key: SecretStr | None = Field(None, description="Platform key for Anthropic.")
    google_api_key: SecretStr | None = Field(None, description="Platform key for Google.")
    text_model: str | None = Field(
        None,
        description="provider:model for text, for example anthropic:claude-sonnet-5. "
        "Unset: the built-in demo model.",
    )
    text_model_is_free: bool = Field(
        default=False, description="The text model costs nothing: it needs no known price."
    )
    image_model: str | None = Field(
        None,
        description="provider:model for pictures, for example openai:gpt-image-1-mini (openai or "
        "openai_compatible). Unset: covers are drawn by rules.",
    )
    image_model_is_free: bool = Field(
        default=False, description="The image model costs nothing: it needs no known price."
    )
    platform_requests_per_minute: int | None = Field(
        None, ge=1, description="Limit of each model at a platform key. Accounts take turns."
    )
    platform_tokens_per_minute: int | None = Field(
        None, ge=1, description="Limit of each model at a platform key. Accounts take turns."
    )
    platform_concurrency: int | None = Field(
        None, ge=1, description="Calls at a time of each model at a platform key."
    )
    account_cost_cents_per_day: int | None = Field(
        None,
        ge=0,
        description="What one account's calls with the platform keys may cost a day (UTC), in US "
        "cents. Unset: no limit.",
    )
    stripe_secret_key: SecretStr | None = Field(
        None, description="Key of your Stripe account. Unset: nobody can pay by Stripe."
    )
    stripe_webhook_secrets: list[SecretStr] = Field(
        default_factory=list,
        description="Signing secrets of Stripe's webhooks to …/webhooks/stripe/, newest first, as "
        "a JSON list; two while one is changed.",
    )
    paypal_client_id: str | None = Field(
        None, description="Id of your application at PayPal. Unset: nobody can pay by PayPal."
    )
    paypal_secret: SecretStr | None = Field(None, description="Secret of the same application.")
    paypal_webhook_ids: list[str] = Field(
        default_factory=list,
        description="Ids of your webhooks at PayPal to …/webhooks/paypal/, newest first, as a JSON "
        "list; two while one is changed.",
    )
    paypal_is_live: bool = Field(
        default=False, description="The application is of PayPal itself, not of its sandbox."
    )
    provider_private_addresses: bool = Field(
        default=False,
        description="Let accounts use AI providers on private addresses. "
        "Only where every account is trusted.",
    )
    site_private_addresses: bool = Field(
        default=False,
        description="Let accounts connect sites on private addresses, and over http. "
        "Only where every account is trusted.",
    )
    webhook_private_addresses: bool = Field(
        default=False,
        description="Let accounts have events sent to private addresses, and over http. "
        "Only where every account is trusted.",
    )
    worker_threads: int = Field(8, ge=1, le=64, description="Slots of one Celery worker.")
    metrics_token: SecretStr | None = Field(
        None, description="Who sends it as a bearer token may read /metrics. Unset: nobody may."
    )
    tracing: bool = Field(
        default=False,
        description="Send OpenTelemetry traces; needs opentelemetry-sdk and an OTLP exporter, "
        "which read their own OTEL_* variables.",
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    crash_at: str | None = Field(None, description="Tests only: the failpoint that ends us.")
    crash_marker: Path | None = Field(None, description="Tests only: made by the one crash.")
    lease_seconds: int = Field(45, ge=2, description="How long a silent worker keeps its items.")
    heartbeat_seconds: int = Field(10, ge=1, description="How often a worker says it is alive.")
    stale_hint_seconds: int = Field(30, ge=2, description="When a lost message is sent again.")

    @field_validator("database_url", "owner_database_url", "admin_database_url")
    @classmethod
    def _is_postgresql(cls, value: str | None) -> str | None:
        if value is not None:
            if not value.startswith(("postgresql://", "postgres://")):
                raise ValueError("must start with postgresql://")
            try:
                conninfo_to_dict(value)
            except ProgrammingError as exc:
                raise ValueError(f"is not a PostgreSQL address: {exc}") from exc
        return value

    @field_validator("email_url")
    @classmethod
    def _is_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in MAIL_PORTS or not parts.hostname or parts.port == 0:
                raise ValueError("must be smtp://, smtps:// or smtp+plain:// with a host")
        return value

    @field_validator("broker_url")
    @classmethod
    def _is_broker(cls, value: str | None) -> str | None:
        schemes = ("redis://", "rediss://", "redis+socket://", "amqp://", "amqps://")
        if value is not None and not value.startswith(schemes):
            raise ValueError("must start with redis://, rediss://, redis+socket:// or amqp://")
        return value

    @field_validator("cache_url")
    @classmethod
    def _is_cache(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @field_validator("sites_url")
    @classmethod
    def _is_object_store(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in {"s3", "gs", "az"} or not parts.netloc:
                raise ValueError("must be s3://, gs:// or az:// with a bucket")
        return value

    @field_validator("log_level")
    @classmethod
    def _is_log_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @cached_property
    def engines(self) -> dict[str, str]:
        """Addresses of the embedded engines that run on this data folder, by name."""
        try:
            found = json.loads((self.data_dir / ENGINES_FILE).read_text())
        except (OSError, ValueError):
            return {}
        return {str(name): str(address) for name, address in found.items()}

    def database(self, alias: str) -> dict[str, Any]:
        """Django's entry for an alias: the configured address, else the embedded server."""
        field = "database_url" if alias == "default" else f"{alias}_database_url"
        url = getattr(self, field) or self.engines.get(field)
        if url is None:
            url = f"host='{self.data_dir / 'pg'}' user={DATABASE_ROLES[alias]} dbname=igny8"
        parts = conninfo_to_dict(url)
        names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
        database: dict[str, Any] = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parts.pop("dbname", "igny8"),
            "OPTIONS": {},
        }
        for name, value in parts.items():
            if name in names:
                database[names[name]] = str(value)
            else:
                database["OPTIONS"][name] = value
        return database

    @property
    def mail_server(self) -> MailServer:
        """Where mails go; an empty host when none is named."""
        if self.email_url is None:
            return MailServer()
        parts = urlsplit(self.email_url.get_secret_value())
        return MailServer(
            host=parts.hostname or "",
            port=parts.port or MAIL_PORTS[parts.scheme],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            starttls=parts.scheme == "smtp",
            ssl=parts.scheme == "smtps",
        )

    @property
    def broker(self) -> str:
        return self.broker_url or self.engines.get("broker_url") or "redis://127.0.0.1:1/0"

    @property
    def cache(self) -> str:
        return self.cache_url or self.engines.get("cache_url") or "redis://127.0.0.1:1/1"

    @property
    def local_model(self) -> str | None:
        return self.local_model_url or self.engines.get("local_model_url")

    @property
    def secret(self) -> str | None:
        """The secret key: configured, or made by ``igny8 up``; None before either."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        try:
            return (self.data_dir / SECRET_FILE).read_text().strip()
        except OSError:
            return None


def read_env() -> Env:
    """The environment, or one line for each variable that is wrong.

    :raises EnvironmentInvalid: with every fault at once.
    """
    try:
        return Env()
    except ValidationError as exc:
        lines = [
            f"IGNY8_{'_'.join(map(str, error['loc'])).upper()}: {error['msg']}"
            for error in exc.errors()
        ]
        raise EnvironmentInvalid("settings are wrong:\n  " + "\n  ".join(lines)) from exc


def env_example() -> str:
    """The text of ``.env.example``, from the fields above."""
    lines = ["# Every setting of IGNY8. Unset engine addresses mean the embedded engines.", ""]
    for name, field in Env.model_fields.items():
        lines += [f"# {field.description}", f"#IGNY8_{name.upper()}=", ""]
    return "\n".join(lines)
