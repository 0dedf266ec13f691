"""A tenant on the whole line whose agent reads and answers e-mail through the sandbox's Resend."""

import json
from dataclasses import dataclass
from uuid import UUID

from services.agents import AgentForm, AgentView, create_agent, save_playbook
from services.connections import ConnectionView, connect_with_keys
from services.conversations import ConversationView, MessageView, get_thread, list_conversations
from services.email import SenderForm, create_sender, get_letter, sync_domains
from services.tenants import Actor, authenticate_api_key, bootstrap
from services.webhooks import list_deliveries
from tests.support.line import PLAYBOOK, Line, webhook_url
from tests.support.sandbox import Ledger, SentWebhook
from tests.support.sandbox_mail import WrittenMail

QUESTION = "What are your opening hours?"
ANSWER = "We are open from 9 to 17, Monday to Friday."


@dataclass(slots=True, kw_only=True)
class MailShop:
    """The tenant, its agent and its mailbox."""

    line: Line
    actor: Actor
    agent: AgentView
    connection: ConnectionView
    address: str

    def settle(self, written: WrittenMail) -> None:
        """Let a contact's mail come in and be answered."""
        self.line.settle(*written.event_ids)

    def settle_received(self, count: int) -> None:
        """Wait until that many mails have been delivered to the agent's address, and do the work they woke."""

        def are_in(ledger: Ledger) -> bool:
            return sum(item.finished and self._is_for_agent(item) for item in ledger.webhooks) >= count

        self.line.sandbox.wait_until(are_in, what=f"{count} mails")
        self.line.work()

    def conversations(self) -> tuple[ConversationView, ...]:
        """Return the conversations, latest first."""
        return list_conversations(self.line.kernel, actor=self.actor).items

    def messages(self, conversation_id: UUID) -> tuple[MessageView, ...]:
        """Return a conversation's messages, oldest first."""
        return get_thread(self.line.kernel, actor=self.actor, conversation_id=conversation_id).messages

    def reasons(self, conversation_id: UUID) -> list[str]:
        """Return why each message belongs to the conversation."""
        return [
            get_letter(self.line.kernel, actor=self.actor, message_id=message.id).thread_reason
            for message in self.messages(conversation_id)
        ]

    def last_delivery(self) -> str:
        """Return what came of the latest received mail, in words."""
        page = list_deliveries(self.line.kernel, actor=self.actor, connection_id=self.connection.id)
        return next(item.reason for item in page.items if item.event_type == "email.received")

    def _is_for_agent(self, webhook: SentWebhook) -> bool:
        return webhook.type == "email.received" and self.address in json.loads(webhook.body)["data"]["received_for"]


def open_mail_shop(line: Line, name: str, *, is_second: bool = False) -> MailShop:
    """Create a tenant whose agent answers e-mail on a domain of the sandbox."""
    identity = line.sandbox.identities.other_resend if is_second else line.sandbox.identities.resend
    result = bootstrap(line.kernel, email=f"owner@{name.lower()}.example", tenant=name)
    actor = authenticate_api_key(line.kernel, result.api_key.reveal())
    agent = create_agent(line.kernel, actor=actor, form=AgentForm(name="Bri", purpose="Creator operations"))
    save_playbook(line.kernel, actor=actor, agent_id=agent.id, drafts=PLAYBOOK)
    connection = connect_with_keys(
        line.kernel,
        actor=actor,
        provider="resend",
        scheme_id="keys",
        agent_id=agent.id,
        values={"api_key": identity.api_key, "signing_secret": identity.webhook_secret},
    )
    line.sandbox.mail.set_webhook_url(webhook_url(connection, "events"), account=identity.account_id)
    sync_domains(line.kernel, actor=actor, connection_id=connection.id)
    address = f"bri@{identity.domain}"
    create_sender(
        line.kernel,
        actor=actor,
        connection_id=connection.id,
        agent_id=agent.id,
        form=SenderForm(address=address),
    )
    return MailShop(line=line, actor=actor, agent=agent, connection=connection, address=address)
