"""What a tenant is, for the people in it."""

from services.audit import record
from services.kernel.errors import NotFound
from services.kernel.kernel import Kernel
from services.tenants import repository
from services.tenants.actor import Actor, Permission, require
from services.tenants.fields import clean_name
from services.tenants.views import TenantView


def get_tenant(kernel: Kernel, *, actor: Actor) -> TenantView:
    """Return the actor's own tenant; every role may see its name and size.

    Raises:
        NotFound: it has been deleted.
    """
    with kernel.unit_of_work(actor.tenant_id) as work:
        tenant = repository.find_tenant(work.session, actor.tenant_id)
        if tenant is None:
            raise NotFound("This company does not exist any more.")
        counts = repository.count_things(work.session, tenant_id=actor.tenant_id)
    return TenantView(
        id=tenant.id,
        name=tenant.name,
        created_at=tenant.created_at,
        agent_count=counts.agents,
        connection_count=counts.connections,
        waiting_count=counts.waiting,
    )


def rename_tenant(kernel: Kernel, *, actor: Actor, name: str) -> TenantView:
    """Call the actor's tenant by another name.

    Raises:
        InvalidInput: the name is empty, too long, or cannot be shown.
        NotFound: the tenant has been deleted.
        Forbidden
    """
    require(actor, Permission.MEMBERS_EDIT)
    new = clean_name(name, field="tenant_name", noun="the company's name")
    with kernel.unit_of_work(actor.tenant_id) as work:
        tenant = repository.find_tenant(work.session, actor.tenant_id)
        if tenant is None:
            raise NotFound("This company does not exist any more.")
        if new != tenant.name:
            detail = {"before": tenant.name, "after": new}
            tenant.name = new
            record(
                work,
                actor=actor,
                action="tenant.renamed",
                object_kind="tenant",
                object_id=actor.tenant_id,
                detail=detail,
            )
    return get_tenant(kernel, actor=actor)
