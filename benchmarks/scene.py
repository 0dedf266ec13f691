"""Companies with an agent, connected to the sink's Slack through the product's own services."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from benchmarks.sink import TEAM_PREFIX, TOKEN_PREFIX
from benchmarks.slack_events import QUESTION, Account
from models import Connection, ConnectionStatus
from services.agents import AgentForm, PlaybookDraft, create_agent, save_playbook
from services.connections import connect_with_keys
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.limits import LimitDraft, set_agent_limits, set_company_limit
from services.limits.rules import AGENT_GROUPS
from services.tenants import Actor, authenticate_api_key, bootstrap

_SIGNING_SECRET = "0123456789abcdef0123456789abcdef"
_PLAYBOOK = (
    PlaybookDraft(question="What are your opening hours?", answer="We are open from 9 to 17, Monday to Friday."),
    PlaybookDraft(question=QUESTION, answer="The payout goes out every Friday."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A tenant with an agent that has no limits, and its Slack."""

    actor: Actor
    agent_id: UUID
    connection_id: UUID
    account: Account
    sign_in_link: str


def found_companies(kernel: Kernel, count: int) -> list[Company]:
    """Create tenants; the sink must be there, as their keys are tried."""
    return [_found(kernel, number) for number in range(1, count + 1)]


def found_quiet_company(kernel: Kernel, number: int) -> Actor:
    """Create a tenant with an agent and a connection that nothing goes through; return its owner."""
    result = bootstrap(kernel, email=f"owner@quiet{number}.example", tenant=f"Quiet {number}")
    actor = authenticate_api_key(kernel, result.api_key.reveal())
    agent = create_agent(kernel, actor=actor, form=AgentForm(name="Bri", purpose="Creator operations"))
    now = kernel.clock.now()
    with kernel.unit_of_work(actor.tenant_id) as work:
        work.session.add(
            Connection(
                tenant_id=actor.tenant_id,
                id=new_id(),
                agent_id=agent.id,
                provider="slack",
                status=ConnectionStatus.ACTIVE,
                auth_scheme="keys",
                created_at=now,
                updated_at=now,
            )
        )
    return actor


def accounts(companies: Sequence[Company]) -> tuple[Account, ...]:
    """Return where events for these companies go."""
    return tuple(company.account for company in companies)


def _found(kernel: Kernel, number: int) -> Company:
    result = bootstrap(kernel, email=f"owner@bench{number}.example", tenant=f"Bench {number}")
    actor = authenticate_api_key(kernel, result.api_key.reveal())
    agent = create_agent(kernel, actor=actor, form=AgentForm(name="Bri", purpose="Creator operations"))
    save_playbook(kernel, actor=actor, agent_id=agent.id, drafts=_PLAYBOOK)
    drafts = [LimitDraft(group=group.value) for group in AGENT_GROUPS]
    set_agent_limits(kernel, actor=actor, agent_id=agent.id, drafts=drafts)
    set_company_limit(kernel, actor=actor, draft=LimitDraft(group="all"))
    suffix = f"{number:010d}"
    slack = connect_with_keys(
        kernel,
        actor=actor,
        provider="slack",
        scheme_id="keys",
        agent_id=agent.id,
        values={"bot_token": f"{TOKEN_PREFIX}{suffix}", "signing_secret": _SIGNING_SECRET},
    )
    url = next(item.url for item in slack.webhook_urls if item.kind == "events")
    return Company(
        actor=actor,
        agent_id=agent.id,
        connection_id=slack.id,
        account=Account(team=f"{TEAM_PREFIX}{suffix}", signing_secret=_SIGNING_SECRET, path=urlsplit(url).path),
        sign_in_link=result.sign_in_link,
    )
