"""Settings come from the environment, contradict nothing and never show a secret."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from services.kernel.errors import ConfigurationError
from services.kernel.settings import Settings, load_settings

CANARY = "canary-7f3a91d2"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PATCHBAY_")]:
        monkeypatch.delenv(name)


def test_defaults_suit_a_first_try_on_a_laptop() -> None:
    settings = load_settings()
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.sandbox_port == 8001
    assert settings.key_file == Path(".patchbay/key")
    assert settings.secure_cookies is False and settings.allow_loopback_outbound is False


def test_values_come_from_prefixed_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHBAY_PORT", "9000")
    monkeypatch.setenv("PATCHBAY_PUBLIC_URL", "https://patchbay.example.com/")
    monkeypatch.setenv("PATCHBAY_DATABASE_URL", "postgresql://app@db/patchbay")
    monkeypatch.setenv("PATCHBAY_UNKNOWN", "ignored")
    settings = load_settings()
    assert (settings.port, settings.sandbox_port) == (9000, 9001)
    assert settings.public_url == "https://patchbay.example.com" and settings.secure_cookies
    assert settings.database_owner_url == settings.database_url


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATCHBAY_PORT", "PATCHBAY_KEY_FILE", "PATCHBAY_ENV", "PATCHBAY_PROVIDER_APPS"):
        monkeypatch.setenv(name, "")
    settings = load_settings()
    assert (settings.port, settings.key_file, settings.env) == (8000, Path(".patchbay/key"), "development")


def test_the_sandbox_never_shares_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHBAY_PORT", "65535")
    assert load_settings().sandbox_port == 65534


def test_every_provider_address_can_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHBAY_SLACK_API_URL", "http://127.0.0.1:1/slack")
    monkeypatch.setenv("PATCHBAY_PUBLIC_URL", "http://127.0.0.1:8000")
    settings = load_settings()
    assert settings.provider_url("slack", "api", default="https://slack.com/api") == "http://127.0.0.1:1/slack"
    assert settings.provider_url("twilio", "api", default="https://api.twilio.com") == "https://api.twilio.com"
    assert settings.provider_urls == {"slack_api": "http://127.0.0.1:1/slack"}


def test_a_given_provider_address_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHBAY_SLACK_API_URL", "http://127.0.0.1:1")
    settings = Settings(provider_urls={"slack_api": "http://127.0.0.1:2"})
    assert settings.provider_url("slack", "api", default="") == "http://127.0.0.1:2"


def test_provider_apps_are_read_from_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHBAY_PROVIDER_APPS", '{"slack": {"client_id": "1.2", "client_secret": "s"}}')
    app = load_settings().provider_apps["slack"]
    assert (app.client_id, app.client_secret.get_secret_value()) == ("1.2", "s")


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({"PATCHBAY_PORT": "0"}, ["PATCHBAY_PORT"]),
        ({"PATCHBAY_PORT": "x", "PATCHBAY_WORKERS": "0"}, ["PATCHBAY_PORT", "PATCHBAY_WORKERS"]),
        ({"PATCHBAY_ENV": "staging"}, ["PATCHBAY_ENV", "production"]),
        ({"PATCHBAY_ENV": "production"}, ["PATCHBAY_PUBLIC_URL", "https://"]),
        ({"PATCHBAY_ENV": "production", "PATCHBAY_SANDBOX": "1"}, ["PATCHBAY_SANDBOX"]),
        ({"PATCHBAY_PROVIDER_APPS": "{broken"}, ["provider_apps"]),
    ],
)
def test_what_is_wrong_is_named_all_at_once(
    variables: dict[str, str], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert all(name in str(caught.value) for name in names)


def test_secrets_are_shown_neither_whole_nor_in_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(f"PATCHBAY_{name}", CANARY)
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
        monkeypatch.setenv(f"PATCHBAY_{name}", f"scheme://user:{CANARY}@host/1")
    monkeypatch.setenv("PATCHBAY_PROVIDER_APPS", f'{{"slack": {{"client_secret": "{CANARY}"}}}}')
    settings = load_settings()
    assert CANARY not in repr(settings) and CANARY not in str(settings)
    for name, value in {"PATCHBAY_ENV": "production", "PATCHBAY_PORT": CANARY}.items():
        monkeypatch.setenv(name, value)
        with pytest.raises(ValidationError) as raw:
            Settings()
        with pytest.raises(ConfigurationError) as caught:
            load_settings()
        assert CANARY not in str(raw.value) and CANARY not in str(caught.value)


def test_settings_cannot_be_changed_after_the_start() -> None:
    settings = Settings(key=SecretStr("x"))
    with pytest.raises(ValidationError):
        settings.port = 1  # pyright: ignore[reportAttributeAccessIssue]


def test_a_lease_must_outlast_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHBAY_LEASE_SECONDS", "10")
    with pytest.raises(ConfigurationError, match="PATCHBAY_OUTBOUND_DEADLINE_SECONDS"):
        load_settings()
    monkeypatch.setenv("PATCHBAY_OUTBOUND_DEADLINE_SECONDS", "5")
    assert load_settings().lease_seconds == 10
