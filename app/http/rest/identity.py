"""Whose key this is, over REST."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from fastapi import APIRouter

from app.http.deps import BearerActor, KernelDep
from models import Role
from services.tenants import PERMISSIONS, Permission, TenantView, get_tenant

router = APIRouter(tags=["identity"])


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityView:
    """An API key: what it is called, whose it is, and what it may do."""

    id: UUID | None
    kind: Literal["user", "api_key", "system"]
    name: str
    role: Role
    permissions: tuple[Permission, ...]
    tenant: TenantView


@router.get("/me")
def get_me(kernel: KernelDep, actor: BearerActor) -> IdentityView:
    """Return whose key this is and what it may do; every key may ask."""
    return IdentityView(
        id=actor.id,
        kind=actor.kind,
        name=actor.label,
        role=actor.role,
        permissions=tuple(sorted(PERMISSIONS[actor.role])),
        tenant=get_tenant(kernel, actor=actor),
    )
