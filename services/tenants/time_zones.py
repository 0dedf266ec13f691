"""The zone in which a tenant's days begin and end."""

from services.audit import record
from services.kernel.clock import zone_names
from services.kernel.db import UnitOfWork
from services.kernel.errors import InvalidInput, NotFound
from services.kernel.kernel import Kernel
from services.tenants import repository
from services.tenants.actor import Actor, Permission, require


def get_time_zone(kernel: Kernel, *, actor: Actor) -> str:
    """Return the IANA name of the tenant's zone; every role may see it."""
    with kernel.unit_of_work(actor.tenant_id) as work:
        return read_time_zone(work)


def read_time_zone(work: UnitOfWork) -> str:
    """Return the IANA name of the tenant's zone, within the caller's transaction."""
    tenant = repository.find_tenant(work.session, work.tenant_id)
    return tenant.time_zone if tenant else "UTC"


def list_time_zones() -> tuple[str, ...]:
    """Return the IANA names that can be set, by region."""
    return tuple(sorted(name for name in zone_names() if "/" in name or name == "UTC"))


def set_time_zone(kernel: Kernel, *, actor: Actor, time_zone: str) -> str:
    """Let the tenant's days begin and end in another zone.

    Args:
        kernel: the process's seams.
        actor: an owner or an admin.
        time_zone: IANA name, such as ``Europe/Berlin``.

    Returns:
        The zone in force.

    Raises:
        InvalidInput: there is no zone of that name.
        NotFound: the tenant has been deleted.
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    wanted = time_zone.strip()
    if wanted not in list_time_zones():
        raise InvalidInput("Choose a time zone from the list, such as Europe/Berlin.", field="time_zone")
    with kernel.unit_of_work(actor.tenant_id) as work:
        tenant = repository.find_tenant(work.session, actor.tenant_id)
        if tenant is None:
            raise NotFound("This company does not exist any more.")
        if wanted != tenant.time_zone:
            detail = {"before": tenant.time_zone, "after": wanted}
            tenant.time_zone = wanted
            record(
                work,
                actor=actor,
                action="tenant.time_zone_changed",
                object_kind="tenant",
                object_id=actor.tenant_id,
                detail=detail,
            )
    return wanted
