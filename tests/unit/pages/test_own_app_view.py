"""The dialog about apps of one's own: what can be replaced, and what never can."""

from datetime import UTC, datetime
from uuid import UUID

from app.desk.own_app.view import app_of
from services.connections import FieldView, ProviderAppView

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
APP = ProviderAppView(
    id=UUID(int=7),
    provider="slack",
    provider_name="Slack",
    name="Bri at Northwind",
    client_id="111.222",
    has_signing_secret=True,
    manifest_version=0,
    changes=(),
    connection_count=1,
    created_at=NOW,
    updated_at=NOW,
)
FIELDS = tuple(
    FieldView(name=name, label=name, kind=kind, help="Where it is.", placeholder="…", required=True)
    for name, kind in (
        ("name", "text"),
        ("client_id", "text"),
        ("client_secret", "secret"),
        ("signing_secret", "secret"),
    )
)


def test_secrets_are_replaced_one_by_one_and_the_client_id_stays() -> None:
    shown = app_of(APP, agent_id="a", fields=FIELDS)
    assert [(field.name, field.required) for field in shown.secrets] == [
        ("client_secret", False),
        ("signing_secret", False),
    ]
    assert shown.payload == {"app_id": str(APP.id)}


def test_app_that_is_used_cannot_be_removed() -> None:
    shown = app_of(APP, agent_id="a")
    assert (shown.can_delete, shown.used) == (False, "1 connection through it")
