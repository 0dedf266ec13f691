"""Keys that people type in a browser, an account's or an app's: the form posts straight here, past the page framework.

What is typed is secret. It travels once, in the body of this request; it never becomes page state, which lives in
Redis, and never a frame of the page's socket.
"""

from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from app.http.deps import KernelDep, MaybeCookieActor, require_same_origin
from services.connections import connect_with_keys, create_app, reconnect_with_keys, update_app
from services.kernel.errors import InvalidInput, Unauthenticated
from services.provider_kit.registry import slug_of


class KeysForm(BaseModel):
    """What the form sends."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    scheme_id: str = Field(max_length=60)
    agent_id: UUID | None = None
    connection_id: UUID | None = None
    """The connection whose keys are replaced; none for a new one."""
    values: dict[str, str] = Field(max_length=40, repr=False)


class AppForm(BaseModel):
    """What the form for an app of one's own sends."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    app_id: UUID | None = None
    """The app whose secrets are replaced; none for a new one."""
    manifest_version: int = Field(default=0, ge=0, le=100_000)
    """Of a new app."""
    values: dict[str, str] = Field(max_length=40, repr=False)


class Made(BaseModel):
    """What the form is told: the id of what came of it."""

    id: UUID


def create_keys_router() -> APIRouter:
    """Return the route behind the pages' form for keys; its errors are problem documents that name the field."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(require_same_origin)], redirect_slashes=False)
    router.add_api_route(
        "/api/admin/ai-agents/integrations/{provider}/keys", post_keys, methods=["POST"], status_code=201
    )
    router.add_api_route(
        "/api/admin/ai-agents/integrations/{provider}/apps", post_app, methods=["POST"], status_code=201
    )
    return router


def post_keys(kernel: KernelDep, actor: MaybeCookieActor, provider: str, form: KeysForm) -> Made:
    """Connect an account with the keys a person typed, or replace the keys of a connection."""
    if actor is None:
        raise Unauthenticated("You are not signed in any more. Sign in, then connect again.")
    if form.connection_id is not None:
        connection = reconnect_with_keys(kernel, actor=actor, connection_id=form.connection_id, values=form.values)
    else:
        connection = connect_with_keys(
            kernel,
            actor=actor,
            provider=slug_of(provider),
            scheme_id=form.scheme_id,
            agent_id=form.agent_id,
            values=form.values,
        )
    return Made(id=connection.id)


def post_app(kernel: KernelDep, actor: MaybeCookieActor, provider: str, form: AppForm) -> Made:
    """Keep the keys of an app that the company has registered at a provider, or replace those of one that is here."""
    if actor is None:
        raise Unauthenticated("You are not signed in any more. Sign in, then send the keys again.")
    if form.app_id is not None:
        given = {name: value for name, value in form.values.items() if value.strip()}
        if not given:
            raise InvalidInput("Paste at least one new secret.", field=next(iter(form.values), ""))
        app = update_app(kernel, actor=actor, app_id=form.app_id, values=given)
    else:
        app = create_app(
            kernel, actor=actor, provider=slug_of(provider), values=form.values, manifest_version=form.manifest_version
        )
    return Made(id=app.id)
