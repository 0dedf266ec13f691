"""People, agents, settings and a look at the database, for tests of connections."""

import json
from dataclasses import dataclass, replace
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlmodel import col, select

from models import Agent, AgentStatus, Membership, Role
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.settings import ProviderApp, Settings
from services.tenants import Actor, bootstrap, session_cookie_name, sign_in_with_link
from services.tenants.repository import find_user
from services.tenants.sessions import open_session
from tests.support.sandbox import SandboxClient

PUBLIC_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A signed-in browser."""

    actor: Actor
    cookie: str

    @property
    def headers(self) -> dict[str, str]:
        """What it sends along."""
        return {"cookie": self.cookie}


def pointed_at(sandbox: SandboxClient, settings: Settings) -> Settings:
    """Return settings as ``patchbay run`` passes them when it plays the providers."""
    environment = sandbox.environment(public_url=PUBLIC_URL)
    urls = {
        name.removeprefix("PATCHBAY_").removesuffix("_URL").lower(): value
        for name, value in environment.items()
        if name.endswith("_URL") and name != "PATCHBAY_PUBLIC_URL"
    }
    apps = TypeAdapter(dict[str, ProviderApp]).validate_python(json.loads(environment["PATCHBAY_PROVIDER_APPS"]))
    return settings.model_copy(update={"provider_urls": urls, "provider_apps": apps, "public_url": PUBLIC_URL})


def new_tenant(kernel: Kernel, name: str) -> Browser:
    """Create a tenant and return its owner's browser."""
    result = bootstrap(kernel, email=f"owner@{name}.example", tenant=name.capitalize())
    signed_in = sign_in_with_link(kernel, result.sign_in_link.rpartition("/")[2])
    return Browser(
        actor=signed_in.actor,
        cookie=f"{session_cookie_name(kernel.settings)}={signed_in.session_token.reveal()}",
    )


def second_browser(kernel: Kernel, browser: Browser) -> Browser:
    """Return another browser of the same person."""
    tenant_id = browser.actor.tenant_id
    with kernel.unit_of_work(tenant_id) as work:
        membership = work.session.exec(select(Membership).where(col(Membership.tenant_id) == tenant_id)).one()
        user = find_user(work.session, membership.user_id)
        assert user is not None
        signed_in = open_session(work.session, membership=membership, user=user, now=kernel.clock.now())
    name = session_cookie_name(kernel.settings)
    return Browser(actor=signed_in.actor, cookie=f"{name}={signed_in.session_token.reveal()}")


def set_role(kernel: Kernel, browser: Browser, role: Role) -> None:
    """Change what the person behind a browser may do."""
    tenant_id = browser.actor.tenant_id
    with kernel.unit_of_work(tenant_id) as work:
        work.session.exec(select(Membership).where(col(Membership.tenant_id) == tenant_id)).one().role = role


def as_role(actor: Actor, role: Role) -> Actor:
    """Return the same actor with another role."""
    return replace(actor, role=role)


def new_agent(kernel: Kernel, actor: Actor, name: str = "Bri") -> UUID:
    """Create an agent."""
    agent_id, now = new_id(), kernel.clock.now()
    with kernel.unit_of_work(actor.tenant_id) as work:
        work.session.add(
            Agent(
                tenant_id=actor.tenant_id,
                id=agent_id,
                name=name,
                status=AgentStatus.ACTIVE,
                created_at=now,
                updated_at=now,
            )
        )
    return agent_id


def count_rows(kernel: Kernel, table: str) -> int:
    """Return how many rows a table has, all tenants together."""
    with kernel.unscoped_session("test looks at everything") as session:
        return session.connection().execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def audit_actions(kernel: Kernel, actor: Actor) -> list[str]:
    """Return what a tenant's audit log says about connections, in order."""
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = work.session.connection().execute(
            text("SELECT action FROM audit_entry WHERE tenant_id = :tenant ORDER BY id"), {"tenant": actor.tenant_id}
        )
        return [action for (action,) in rows if action.startswith("connection.")]


def dump_database(kernel: Kernel) -> bytes:
    """Return every value of every table, as text and as raw bytes."""
    with kernel.unscoped_session("test looks at everything") as session:
        connection = session.connection()
        tables = connection.execute(
            text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        ).scalars()
        rows = [row for table in list(tables) for row in connection.execute(text(f'SELECT * FROM "{table}"'))]
    values = [value for row in rows for value in row]
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)
