"""Starts the rig: a product in a world with several tenants, all set up."""

import random
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from app.sandbox.identities import state_path
from app.sandbox.state import write_state
from services.kernel.kernel import Kernel, build_kernel
from tests.faults.events import Contacts
from tests.faults.evidence import Records
from tests.faults.letters import Writers
from tests.faults.rig import Rig
from tests.faults.sender import Sender
from tests.faults.tenants import open_tenants
from tests.faults.world import Company, new_world
from tests.support.product import BRISK, Product, running_product

_POISON = Path(__file__).with_name("poison")


@contextmanager
def running_rig(data_dir: Path, *, rng: random.Random, environment: dict[str, str] | None = None) -> Generator[Rig]:
    """Run the product in a world with several tenants, all set up.

    Args:
        data_dir: as for :func:`tests.support.product.running_product`.
        rng: chance.
        environment: settings beside the usual ones.
    """
    state, companies = new_world()
    write_state(state_path(data_dir), state)
    settings = {**BRISK, "PYTHONPATH": str(_POISON), **(environment or {})}
    with running_product(data_dir, environment=settings) as product:
        kernel = build_kernel(product.settings())
        address = urlsplit(product.address)
        sender = Sender(address.hostname or "", address.port or 0, rng=rng)
        rig = _set_up(product, kernel, sender, companies, rng)
        try:
            yield rig
        finally:
            sender.close()
            rig.kernel.close()


def _set_up(
    product: Product, kernel: Kernel, sender: Sender, companies: tuple[Company, ...], rng: random.Random
) -> Rig:
    tenants = open_tenants(kernel, product.sandbox, companies)
    identities = product.sandbox.identities
    mail = {0: identities.resend.account_id, 1: identities.other_resend.account_id}
    return Rig(
        product=product,
        kernel=kernel,
        tenants=tenants,
        sender=sender,
        contacts=Contacts(tenants, rng=rng),
        writers=Writers(product.sandbox, tenants, mail),
        records=Records(product.database_url(), tenants={item.actor.tenant_id: item.number for item in tenants}),
        accounts={
            **{item.app.home_team_id: item.number for item in companies},
            **{item.account.sid: item.number for item in companies},
            **{account: number for number, account in mail.items()},
        },
        rng=rng,
    )
