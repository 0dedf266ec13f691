"""What a tenant is, for the people in it."""

from services.kernel.errors import NotFound
from services.kernel.kernel import Kernel
from services.tenants import repository
from services.tenants.actor import Actor
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
