"""A tenant that is connected to one provider, without asking it: the door's side of the fuzzing."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlmodel import col, delete, select

from models import (
    Calendar,
    Connection,
    ConnectionStatus,
    DeliveryState,
    PhoneNumber,
    Subscription,
    SubscriptionState,
    WebhookDelivery,
    WebhookEndpoint,
)
from services import vault
from services.agents import AgentForm, create_agent
from services.connections.credentials import replace_credentials
from services.kernel.db import Wake
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.tenants import authenticate_api_key, bootstrap
from services.webhooks import drain_deliveries
from services.webhooks.bodies import masked_body
from tests.conformance.cases import webhook_wire
from tests.providers.harness import Wire, load_payloads, load_wire, wrap

TOKEN = "3vGq0kT2"
MOST_ROUNDS = 200
"""How often workers come for deliveries that should end at their first attempt."""
UNENDED = (DeliveryState.RECEIVED, DeliveryState.PROCESSING, DeliveryState.FAILED)
_NUMBER = re.compile(r"(?<=&To=)[^&]+|(?<=^To=)[^&]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FuzzShop:
    """Who is connected."""

    kernel: Kernel
    tenant_id: UUID
    connection_id: UUID

    def keep_some(self, most: int) -> None:
        """Forget all stored deliveries but so many, taken evenly."""
        mine = col(WebhookDelivery.tenant_id) == self.tenant_id
        with self.kernel.unit_of_work(self.tenant_id) as work:
            stored = work.session.exec(select(WebhookDelivery.id).where(mine).order_by(col(WebhookDelivery.id))).all()
            kept = stored[:: max(1, len(stored) // most)]
            work.session.exec(delete(WebhookDelivery).where(mine, col(WebhookDelivery.id).not_in(kept)))

    def process(self) -> Counter[tuple[DeliveryState, str]]:
        """Process what is stored as workers would, and show it; return what became of it, and of what it failed."""
        rows: Sequence[WebhookDelivery] = ()
        for _ in range(MOST_ROUNDS):
            drain_deliveries(self.kernel, Wake("process_delivery", self.tenant_id, self.tenant_id))
            rows = self._rows()
            if not any(row.state in UNENDED for row in rows):
                break
        for row in rows:
            masked_body(row).text.encode()
        return Counter((row.state, row.cause) for row in rows)

    def _rows(self) -> Sequence[WebhookDelivery]:
        with self.kernel.unit_of_work(self.tenant_id) as work:
            return work.session.exec(
                select(WebhookDelivery).where(col(WebhookDelivery.tenant_id) == self.tenant_id)
            ).all()


def open_fuzz_shop(kernel: Kernel, slug: str) -> FuzzShop:
    """Store a tenant with an agent and a connection that has the secrets of a provider's ``wire.py``."""
    wire = load_wire(slug)
    result = bootstrap(kernel, email="owner@northwind.example", tenant="Northwind")
    actor = authenticate_api_key(kernel, result.api_key.reveal())
    agent = create_agent(kernel, actor=actor, form=AgentForm(name="Bri", purpose="Front desk"))
    connection = _connection(kernel, actor.tenant_id, agent.id, slug, wire)
    with kernel.unit_of_work(actor.tenant_id) as work:
        work.session.add(connection)
        work.session.flush()
        subscription = webhook_wire(slug).subscription_id
        secrets = {name: secret for name, secret in wrap(wire.secrets).items() if name != subscription}
        replace_credentials(kernel, work, connection, secrets)
        work.session.add(
            WebhookEndpoint(
                tenant_id=work.tenant_id,
                id=new_id(),
                connection_id=connection.id,
                provider=slug,
                token=TOKEN,
                created_at=kernel.clock.now(),
            )
        )
        for number in _numbers(slug):
            work.session.add(
                PhoneNumber(
                    tenant_id=work.tenant_id,
                    id=new_id(),
                    connection_id=connection.id,
                    agent_id=agent.id,
                    external_id=number,
                    number=number,
                    updated_at=kernel.clock.now(),
                )
            )
    if subscription:
        _subscribe(kernel, connection, subscription, wire.secrets)
    return FuzzShop(kernel=kernel, tenant_id=actor.tenant_id, connection_id=connection.id)


def _connection(kernel: Kernel, tenant_id: UUID, agent_id: UUID, slug: str, wire: Wire) -> Connection:
    now = kernel.clock.now()
    return Connection(
        tenant_id=tenant_id,
        id=new_id(),
        provider=slug,
        agent_id=agent_id,
        status=ConnectionStatus.ACTIVE,
        auth_scheme="keys",
        external_account_id=wire.account_id,
        external_account_name="Northwind",
        settings=dict(wire.settings),
        connected_at=now,
        created_at=now,
        updated_at=now,
    )


def _numbers(slug: str) -> set[str]:
    """Return the numbers that a provider's samples are sent to."""
    found = {
        match for payload in load_payloads(slug) for match in _NUMBER.findall(payload.request.body.decode("latin-1"))
    }
    return {number.replace("%2B", "+") for number in found}


def _subscribe(kernel: Kernel, connection: Connection, subscription_id: str, secrets: Mapping[str, str]) -> None:
    """Store the subscription that a provider's notifications name, with its token."""
    now, row_id = kernel.clock.now(), new_id()
    resource_id, _, token = secrets[subscription_id].partition(" ")
    with kernel.unit_of_work(connection.tenant_id) as work:
        calendar = Calendar(
            tenant_id=connection.tenant_id,
            id=new_id(),
            connection_id=connection.id,
            external_id="primary",
            name="Primary",
            next_attempt_at=now + timedelta(days=7),
            created_at=now,
            updated_at=now,
        )
        work.session.add(calendar)
        work.session.flush()
        sealed = vault.seal(
            work, kernel, table="subscription", column="sealed_token", row_id=row_id, secret=Secret(token)
        )
        work.session.add(
            Subscription(
                tenant_id=connection.tenant_id,
                id=row_id,
                connection_id=connection.id,
                calendar_id=calendar.id,
                external_id=subscription_id,
                external_resource_id=resource_id,
                sealed_token=sealed,
                state=SubscriptionState.ACTIVE,
                created_at=now,
            )
        )
