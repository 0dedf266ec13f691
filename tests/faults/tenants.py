"""Sets the rig's tenants up, beside the running product and through its own services."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services import limits
from services.agents import AgentForm, PlaybookDraft, create_agent, save_playbook
from services.connections import ConnectionView, assign_number, connect_with_keys
from services.kernel.kernel import Kernel
from services.limits import LimitDraft
from services.tenants import Actor, authenticate_api_key, bootstrap
from tests.faults.world import SHARES, Company
from tests.support.line import Line, OnDemandQueue, Shop, webhook_url
from tests.support.sandbox import SandboxClient
from tests.support.whole_shop import connect_google, connect_mail

CODES = 40
"""Questions that each agent knows."""
_MOST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A tenant of the product with what it has at the providers. Whatever it says carries its number."""

    number: int
    share: float
    company: Company
    actor: Actor
    shop: Shop
    letters_to: str = ""
    """The agent's address; only some tenants have one."""
    mail_url: str = ""
    """Where Resend posts events."""
    has_calendar: bool = False

    @property
    def slack_url(self) -> str:
        """Where Slack posts events."""
        return webhook_url(self.shop.slack, "events")

    @property
    def twilio_url(self) -> str:
        """Where Twilio posts text messages."""
        return webhook_url(self.shop.twilio, "sms")

    def code(self, index: int) -> str:
        """Return what one of its questions is about."""
        return f"K{self.number}{index:03d}"


def open_tenants(kernel: Kernel, sandbox: SandboxClient, companies: Sequence[Company]) -> tuple[Tenant, ...]:
    """Create a tenant for each company: connected to Slack and Twilio, the first two by mail too, one to a calendar."""
    line = Line(kernel, OnDemandQueue(), sandbox, kernel.settings.public_url, None)
    return tuple(_open_tenant(line, company) for company in companies)


def _open_tenant(line: Line, company: Company) -> Tenant:
    kernel, number = line.kernel, company.number
    result = bootstrap(kernel, email=f"owner{number}@rig.example", tenant=f"Company {number}")
    actor = authenticate_api_key(kernel, result.api_key.reveal())
    agent = create_agent(kernel, actor=actor, form=AgentForm(name="Bri", purpose="Creator operations"))
    codes = [f"K{number}{index:03d}" for index in range(CODES)]
    drafts = [PlaybookDraft(question=f"What is {code}?", answer=f"{code} is a drawer.") for code in codes]
    save_playbook(kernel, actor=actor, agent_id=agent.id, drafts=drafts)
    wide = [
        LimitDraft(group=group, per_minute=_MOST, per_hour=_MOST, per_day=_MOST) for group in ("slack", "sms", "email")
    ]
    limits.set_agent_limits(kernel, actor=actor, agent_id=agent.id, drafts=wide)
    limits.set_company_limit(kernel, actor=actor, draft=LimitDraft(group="all", per_day=_MOST))
    app, account = company.app, company.account
    keys = {"bot_token": company.bot_token, "signing_secret": app.signing_secret}
    slack = connect(kernel, actor, "slack", keys, agent_id=agent.id)
    keys = {"account_sid": account.sid, "auth_token": account.auth_token}
    twilio = connect(kernel, actor, "twilio", keys, agent_id=agent.id)
    for item in twilio.numbers:
        twilio = assign_number(kernel, actor=actor, connection_id=twilio.id, number_id=item.id, agent_id=agent.id)
    shop = Shop(actor=actor, agent=agent, slack=slack, twilio=twilio, number=twilio.numbers[0].number)
    mail, letters_to = connect_mail(line, shop, is_second=number == 1) if number < 2 else (None, "")
    if number == 0:
        connect_google(line, shop)
    return Tenant(
        number=number,
        share=SHARES[number],
        company=company,
        actor=actor,
        shop=shop,
        letters_to=letters_to,
        mail_url=webhook_url(mail, "events") if mail else "",
        has_calendar=number == 0,
    )


def connect(kernel: Kernel, actor: Actor, provider: str, keys: dict[str, str], *, agent_id: UUID) -> ConnectionView:
    """Connect with keys, or connect again."""
    return connect_with_keys(kernel, actor=actor, provider=provider, scheme_id="keys", agent_id=agent_id, values=keys)
