"""The tenant's own apps at providers over REST."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.http.deps import BearerActor, KernelDep
from app.http.rest.openapi import needs
from app.http.rest.paging import page_of
from app.http.rest.schemas import AppChanges, Cursor, Limit, NewApp, Slug, Word
from services import connections
from services.connections import AppGuideView, ProviderAppView
from services.kernel.paging import Page
from services.tenants import Permission

router = APIRouter(tags=["connections"])

_VIEW = needs(Permission.CONNECTIONS_VIEW)
_EDIT = needs(Permission.CONNECTIONS_EDIT)


@router.get("/provider-apps/guide", openapi_extra=_VIEW)
def describe_app(
    kernel: KernelDep,
    actor: BearerActor,
    provider: Annotated[Slug, Query()],
    name: Annotated[Word, Query()] = "Patchbay",
    since: Annotated[int, Query(ge=0, le=10_000, description="Manifest version of the app that you have.")] = 0,
) -> AppGuideView:
    """Say how to register an app of your own: which address goes where, what it may do and why."""
    return connections.describe_app(kernel, actor=actor, provider=provider, name=name, since=since)


@router.get("/provider-apps", openapi_extra=_VIEW)
def list_apps(
    kernel: KernelDep,
    actor: BearerActor,
    provider: Annotated[Slug | None, Query()] = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[ProviderAppView]:
    """List your own apps, the oldest first, without their secrets."""
    found = connections.list_apps(kernel, actor=actor, provider=provider)
    return page_of(found, id_of=lambda app: app.id, cursor=cursor, limit=limit)


@router.post("/provider-apps", status_code=201, openapi_extra=_EDIT)
def create_app(kernel: KernelDep, actor: BearerActor, body: NewApp) -> ProviderAppView:
    """Keep the keys of an app that you have registered at a provider."""
    return connections.create_app(
        kernel,
        actor=actor,
        provider=body.provider,
        values=body.values,
        manifest_version=body.manifest_version,
    )


@router.patch("/provider-apps/{app_id}", openapi_extra=_EDIT)
def update_app(kernel: KernelDep, actor: BearerActor, app_id: UUID, body: AppChanges) -> ProviderAppView:
    """Rename an app, or replace secrets that were made anew at the provider."""
    return connections.update_app(
        kernel, actor=actor, app_id=app_id, values=body.values, manifest_version=body.manifest_version
    )


@router.delete("/provider-apps/{app_id}", status_code=204, openapi_extra=_EDIT)
def delete_app(kernel: KernelDep, actor: BearerActor, app_id: UUID) -> None:
    """Forget an app and its secrets; refused while connections use it."""
    connections.delete_app(kernel, actor=actor, app_id=app_id)
