"""Two tenants with people of every role, and a question put to an agent."""

from collections.abc import Callable
from uuid import UUID

import pytest

from models import Role
from services.agents import AgentForm, AgentView, PlaybookDraft, TurnRequest, create_agent, save_playbook
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import Actor, bootstrap

PLAYBOOK = (
    PlaybookDraft(question="Opening hours?", answer="We are open Monday to Friday, 9 to 17."),
    PlaybookDraft(question="How do I get a refund?", answer="Send it back within 14 days and we return your money."),
    PlaybookDraft(question="What is the price of delivery?", answer="Delivery costs €5 within Austria."),
    PlaybookDraft(question="Who are you?", answer="I am the shop's agent."),
    PlaybookDraft(question="Wann habt ihr geöffnet?", answer="Montag bis Freitag, 9 bis 17 Uhr."),
    PlaybookDraft(question="Wo ist der Parkplatz?", answer="Hinter dem Haus."),
    PlaybookDraft(question="How can I reach Oberhuber?", answer="Oberhuber reads {{mail}} at the front desk."),
)


def actor_of(tenant_id: UUID, role: Role = Role.OWNER) -> Actor:
    """Return a person of that tenant."""
    return Actor(tenant_id=tenant_id, kind="user", id=new_id(), label="Ana Lopez", role=role)


@pytest.fixture
def owner(kernel: Kernel) -> Actor:
    """The owner of a tenant."""
    return actor_of(bootstrap(kernel, email="ana@example.com", tenant="Acme").tenant_id)


@pytest.fixture
def stranger(kernel: Kernel, owner: Actor) -> Actor:
    """The owner of another tenant."""
    return actor_of(bootstrap(kernel, email="ben@example.net", tenant="Other").tenant_id)


@pytest.fixture
def agent(kernel: Kernel, owner: Actor) -> AgentView:
    """An agent with a playbook."""
    created = create_agent(kernel, actor=owner, form=AgentForm(name="Ada", instructions="Be brief."))
    save_playbook(kernel, actor=owner, agent_id=created.id, drafts=PLAYBOOK)
    return created


@pytest.fixture
def ask(owner: Actor, agent: AgentView) -> Callable[..., TurnRequest]:
    """Put a question to the agent."""

    def build(text: str, *, channel_kind: str = "slack_dm", contact_name: str = "") -> TurnRequest:
        return TurnRequest(
            tenant_id=owner.tenant_id,
            agent_id=agent.id,
            agent_name=agent.name,
            instructions=agent.instructions,
            model=agent.model,
            text=text,
            channel_kind=channel_kind,
            contact_name=contact_name,
        )

    return build
