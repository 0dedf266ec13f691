"""How a tenant ends: its access is given back at the providers, its keys are destroyed, its rows are deleted.

Each step is committed before the next, and may be taken again: what a crash leaves, the sweeper finishes. Nobody
belongs to the tenant from the first step on.
"""

from dataclasses import dataclass
from uuid import UUID

from services import connections, vault
from services.audit import record
from services.kernel.errors import InvalidInput, NotFound, PatchbayError
from services.kernel.kernel import Kernel
from services.kernel.log import get_logger
from services.kernel.vault import VaultError
from services.tenants import repository
from services.tenants.actor import Actor, Permission, require, system_actor

JOB = "delete_tenant"
_LABEL = "deletion of the company"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantDeleted:
    """What was done with a tenant that is gone."""

    tenant_id: UUID
    connections_revoked: int
    """Connections whose access the provider took back."""
    not_revoked: tuple[str, ...]
    """What the providers said of the others: there, somebody has to remove the access by hand."""
    keys_destroyed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantContents:
    """What would be deleted with a tenant, counted."""

    agents: int
    connections: int
    """In use: their access is given back."""
    conversations: int
    people: int
    """Who belongs to it."""
    api_keys: int


def preview_deletion(kernel: Kernel, *, actor: Actor) -> TenantContents:
    """Count what the end of the actor's tenant takes along; changes nothing.

    Raises:
        Forbidden
    """
    require(actor, Permission.MEMBERS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        counts = repository.count_things(work.session, tenant_id=actor.tenant_id)
        rest = repository.count_rest(work.session, tenant_id=actor.tenant_id)
    return TenantContents(
        agents=counts.agents,
        connections=counts.connections,
        conversations=rest.conversations,
        people=rest.people,
        api_keys=rest.api_keys,
    )


def delete_tenant(kernel: Kernel, *, actor: Actor, confirm_name: str) -> TenantDeleted:
    """Delete the actor's tenant for good, with everything that belongs to it.

    Args:
        kernel: the process's seams.
        actor: an owner.
        confirm_name: the tenant's name, typed to show that it is meant.

    Raises:
        InvalidInput: the name is another one.
        NotFound: it is gone already.
        Forbidden
    """
    require(actor, Permission.MEMBERS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        tenant = repository.find_tenant(work.session, actor.tenant_id)
        if tenant is None:
            raise NotFound("This company does not exist any more.")
        if confirm_name.strip() != tenant.name:
            raise InvalidInput(f"Type the company's name, {tenant.name}, to delete it.", field="confirm_name")
        tenant.deletion_started_at = tenant.deletion_started_at or kernel.clock.now()
        record(work, actor=actor, action="tenant.deletion_started", object_kind="tenant", object_id=actor.tenant_id)
        work.wake(JOB, actor.tenant_id)
    return finish_deletion(kernel, tenant_id=actor.tenant_id)


def finish_deletion(kernel: Kernel, *, tenant_id: UUID) -> TenantDeleted:
    """Take all steps that are left. Running it twice, or twice at once, does no harm.

    Raises:
        NotFound: nobody wanted this tenant deleted, or it is gone already.
    """
    with kernel.unit_of_work(tenant_id) as work:
        tenant = repository.find_tenant(work.session, tenant_id)
        if tenant is None or tenant.deletion_started_at is None:
            raise NotFound("This company is not being deleted.")
    with kernel.unscoped_session("tenants.remove_people") as session:
        repository.remove_people(session, tenant_id=tenant_id)
    revoked, not_revoked = _revoke_all(kernel, tenant_id)
    with kernel.unit_of_work(tenant_id) as work:
        destroyed = vault.destroy_all_keys(work, kernel)
    while True:
        with kernel.unit_of_work(tenant_id) as work:
            if not repository.delete_rows(work.session, tenant_id=tenant_id):
                break
    with kernel.unit_of_work(tenant_id) as work:
        repository.delete_tenant(work.session, tenant_id)
    log.info("tenants.tenant.deleted", tenant_id=str(tenant_id))
    return TenantDeleted(
        tenant_id=tenant_id,
        connections_revoked=revoked,
        not_revoked=tuple(not_revoked),
        keys_destroyed=destroyed,
    )


def _revoke_all(kernel: Kernel, tenant_id: UUID) -> tuple[int, list[str]]:
    """Give all access back; a provider that does not answer cannot keep the tenant here."""
    actor = system_actor(tenant_id, _LABEL)
    revoked, not_revoked = 0, list[str]()
    for connection in connections.list_connections(kernel, actor=actor):
        try:
            answer = connections.disconnect(kernel, actor=actor, connection_id=connection.id).revocation
        except (PatchbayError, VaultError) as error:
            not_revoked.append(f"{connection.provider_name}: {error}")
            continue
        if answer is not None and answer.done:
            revoked += 1
        elif answer is not None:
            not_revoked.append(f"{connection.provider_name}: {answer.said}")
    return revoked, not_revoked
