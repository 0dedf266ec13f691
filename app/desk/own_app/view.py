"""What the dialog about apps of one's own shows, computed from the services' views."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app import routes
from app.components.words import counted
from app.desk.view import Address, FormField, fields_of
from services.connections import AppGuideView, AppPartView, FieldView, ProviderAppView


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that the app asks for or listens to, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """How to register an app at the provider."""

    provider: str
    provider_name: str
    addresses: tuple[Address, ...]
    fields: tuple[FormField, ...]
    action: str
    payload: dict[str, int]
    has_manifest: bool
    version: str
    create_url: str
    json: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app that is here already."""

    id: str
    name: str
    client_id: str
    consent: str
    """Where consent through it begins."""
    used: str
    can_delete: bool
    version: str
    changes: tuple[Part, ...]
    """What the newest manifest asks for that this app lacks."""
    action: str
    payload: dict[str, str]
    secrets: tuple[FormField, ...]
    """What can be replaced: each secret that was made anew at the provider."""


NO_GUIDE = Guide(
    provider="",
    provider_name="",
    addresses=(),
    fields=(),
    action="",
    payload={},
    has_manifest=False,
    version="",
    create_url="",
    json="",
    parts=(),
)


def guide_of(view: AppGuideView) -> Guide:
    """Return how to register an app, as shown."""
    manifest = view.manifest
    redirect = Address(label="Redirect URL", url=view.redirect_url, help=f"Goes into {view.redirect_pasted_into}.")
    return Guide(
        provider=view.provider,
        provider_name=view.provider_name,
        addresses=(
            redirect,
            *(
                Address(label=f"{item.label} address", url=item.url, help=f"Goes into {item.pasted_into}.")
                for item in view.webhook_urls
            ),
        ),
        fields=fields_of(view.fields),
        action=routes.apps_form(view.provider),
        payload={"manifest_version": manifest.version if manifest else 0},
        has_manifest=manifest is not None,
        version=f"Version {manifest.version}" if manifest else "",
        create_url=manifest.create_url if manifest else "",
        json=manifest.json if manifest else "",
        parts=_parts(manifest.parts if manifest else ()),
    )


def app_of(view: ProviderAppView, *, agent_id: str, fields: Sequence[FieldView] = ()) -> App:
    """Return an app as shown, with the way to connect an agent through it.

    Args:
        view: from the service.
        agent_id: who is connected through it.
        fields: what was asked for when it was registered.
    """
    uses = view.connection_count
    return App(
        id=str(view.id),
        name=view.name or view.client_id,
        client_id=view.client_id,
        consent=routes.oauth_start(view.provider, agent_id, app_id=view.id),
        used=f"{counted(uses, 'connection')} through it" if uses else "not used yet",
        can_delete=not uses,
        version=f"manifest version {view.manifest_version}" if view.manifest_version else "made by hand",
        changes=_parts(view.changes),
        action=routes.apps_form(view.provider),
        payload={"app_id": str(view.id)},
        secrets=_replaceable(fields),
    )


def _replaceable(fields: Sequence[FieldView]) -> tuple[FormField, ...]:
    """Return the inputs for new secrets; each may be left out, as secrets are seldom made anew together."""
    secrets = [replace(field, required=False, placeholder="") for field in fields if field.kind == "secret"]
    return fields_of(secrets)


def _parts(found: Sequence[AppPartView]) -> tuple[Part, ...]:
    return tuple(Part(name=part.name, reason=part.reason) for part in found)
