"""The product's settings: one class, prefix ``PATCHBAY_``, read once at the start and passed on."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from services.kernel.errors import ConfigurationError

_PROVIDER_URL = re.compile(r"^PATCHBAY_([A-Z0-9_]+)_URL$")
_TRACES_PATH = "/v1/traces"
_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class ProviderApp(BaseModel):
    """An app that the operator registered at a provider, for all tenants."""

    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    signing_secret: SecretStr = SecretStr("")


class Settings(BaseSettings):
    """Everything an operator can set. Each field is the environment variable ``PATCHBAY_<FIELD>``; empty is not set.

    Processes read them with :func:`load_settings`; tests construct them.
    """

    # Errors without input: they would print secrets that stand next to the wrong value.
    model_config = SettingsConfigDict(
        env_prefix="PATCHBAY_", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    env: Literal["development", "production"] = "development"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    webhooks_port: int = Field(default=0, ge=0, le=65535)
    """Where a process of its own takes webhooks, beside the pages; 0: it is not started."""
    public_url: str = ""
    """The address that providers and browsers use, without a trailing slash."""
    data_dir: Path = Path(".patchbay")
    """Holds the embedded servers' data, the key file and the built pages' stamp."""

    database_url: str = Field(default="", repr=False)
    """PostgreSQL as the product uses it; empty until the supervisor has started the embedded one."""
    database_owner_url: str = Field(default="", repr=False)
    """PostgreSQL as the owner of the tables, for migrations; the same address if empty."""
    redis_url: str = Field(default="", repr=False)

    key: SecretStr = SecretStr("")
    """Key-encryption key, base64 of 32 bytes; wins over command and file. Several: the one that wraps in front."""
    key_command: SecretStr = SecretStr("")
    """Command that prints the key, such as a call of a key management service; wins over the key file."""
    key_file: Path | None = None
    """File with the key-encryption key, mode 0600; ``<data_dir>/key`` if not set."""
    key_retention_days: float = Field(default=35, ge=0)
    """How long a retired data key is kept for the way back: until backups older than the rotation are gone."""

    sandbox: bool = False
    """Play the providers on loopback; refused in production."""
    sandbox_port: int = Field(default=0, ge=0, le=65535)

    openai_base_url: str = "https://api.openai.com/v1"
    openai_api_key: SecretStr = SecretStr("")
    openai_model: str = ""

    provider_apps: dict[str, ProviderApp] = Field(default_factory=dict)
    """Operator's apps by provider slug, as JSON."""
    provider_urls: dict[str, str] = Field(default_factory=dict)
    """Overrides of provider addresses: ``PATCHBAY_SLACK_API_URL`` becomes the key ``slack_api``."""

    log: Literal["text", "json"] = "text"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    metrics_token: SecretStr = SecretStr("")
    """Opens ``/metrics`` to whoever brings it; without it only the loopback may read them."""
    otel_endpoint: str = Field(default="", repr=False)
    """Where an OpenTelemetry collector takes traces; empty: none are sent. The variables of OpenTelemetry serve too."""
    workers: int = Field(default=2, ge=1, le=64)
    lease_seconds: float = Field(default=30.0, gt=0)
    """How long a worker may hold a row without a sign of life."""
    sweep_seconds: float = Field(default=10.0, gt=0)
    max_attempts: int = Field(default=5, ge=1)
    retry_base_seconds: float = Field(default=5.0, gt=0)
    outbound_deadline_seconds: float = Field(default=15.0, gt=0)
    max_webhook_bytes: int = Field(default=2 * 1024 * 1024, gt=0)
    archive_after_days: float = Field(default=90, ge=0)
    """How long nobody must have written before a conversation is archived; 0: never."""
    delivery_retention_days: float = Field(default=30, ge=1)
    """How long the content of webhooks is kept, to be looked at and replayed."""

    @model_validator(mode="before")
    @classmethod
    def _collect_provider_urls(cls, values: Mapping[str, object]) -> dict[str, object]:
        own = {"PUBLIC", "DATABASE", "DATABASE_OWNER", "REDIS", "OPENAI_BASE"}
        found = {
            match[1].lower(): value
            for name, value in os.environ.items()
            if (match := _PROVIDER_URL.match(name)) and match[1] not in own and value
        }
        given = values.get("provider_urls")
        return {**values, "provider_urls": {**found, **(given if isinstance(given, dict) else {})}}

    @model_validator(mode="before")
    @classmethod
    def _find_collector(cls, values: Mapping[str, object]) -> dict[str, object]:
        own = str(values.get("otel_endpoint") or "")
        given = own or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
        found = "" if own else os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
        if given and not found:
            found = given if given.endswith(_TRACES_PATH) else given.rstrip("/") + _TRACES_PATH
        is_off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
        return {**values, "otel_endpoint": "" if is_off else found}

    @model_validator(mode="after")
    def _fill_and_check(self) -> Self:
        if self.sandbox and self.env == "production":
            raise ValueError("PATCHBAY_SANDBOX=1 is for trying Patchbay out; unset it when PATCHBAY_ENV=production.")
        if not self.public_url:
            object.__setattr__(self, "public_url", f"http://127.0.0.1:{self.port}")
        object.__setattr__(self, "public_url", self.public_url.rstrip("/"))
        if self.env == "production" and not self.public_url.startswith("https://"):
            raise ValueError("PATCHBAY_PUBLIC_URL must start with https:// when PATCHBAY_ENV=production.")
        if self.otel_endpoint and not self.otel_endpoint.startswith(("http://", "https://")):
            raise ValueError(
                "PATCHBAY_OTEL_ENDPOINT must start with http:// or https://, as http://127.0.0.1:4318 does."
            )
        if self.lease_seconds <= self.outbound_deadline_seconds:
            raise ValueError(
                "PATCHBAY_LEASE_SECONDS must be longer than PATCHBAY_OUTBOUND_DEADLINE_SECONDS: a call that outlives"
                " its lease would be looked up, and perhaps repeated, while it is still under way."
            )
        if not self.sandbox_port:
            object.__setattr__(self, "sandbox_port", self.port + 1 if self.port < 65535 else self.port - 1)
        if not self.database_owner_url:
            object.__setattr__(self, "database_owner_url", self.database_url)
        if self.key_file is None:
            object.__setattr__(self, "key_file", self.data_dir / "key")
        return self

    @property
    def secure_cookies(self) -> bool:
        """Whether browsers reach the product over https (plain http is for loopback only)."""
        return self.public_url.startswith("https://")

    @property
    def allow_loopback_outbound(self) -> bool:
        """Whether outbound calls may reach the loopback, where the sandbox plays the providers."""
        return self.sandbox

    def provider_url(self, slug: str, name: str, *, default: str) -> str:
        """Return a provider's address: ``PATCHBAY_<SLUG>_<NAME>_URL`` if set, else the provider's own."""
        return self.provider_urls.get(f"{slug}_{name}".lower(), default)


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        ConfigurationError: names every variable that is wrong and says how, without its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = [_explain(problem["loc"], problem["msg"]) for problem in error.errors(include_input=False)]
    except SettingsError as error:
        problems = [f"A variable that holds JSON cannot be read: {error}."]
    raise ConfigurationError("\n".join(problems))


def _explain(location: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"PATCHBAY_{str(location[0]).upper()}: {text}." if location else text
