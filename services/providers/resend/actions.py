"""What an agent may do through Resend beside answering."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.kernel.errors import Refused
from services.provider_kit.contract import Action, ActionContext, ActionResult, ActionRisk, OutgoingEmail
from services.providers.resend.addresses import domain_of
from services.providers.resend.client import ResendClient
from services.providers.resend.manifest import MANIFEST
from services.providers.resend.messaging import check_key_is_known, send_letter

_ADDRESS = r"^[^\s@<>\"(),:;\\\[\]]{1,64}@[^\s@<>\"(),:;\\\[\]]{1,253}$"


class SendEmail(BaseModel):
    """A letter to one recipient."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    to: Annotated[str, Field(pattern=_ADDRESS, max_length=320, description="The recipient's e-mail address.")]
    subject: Annotated[
        str, Field(pattern=r"^[^\r\n]+$", max_length=300, description="What the letter is about, in one line.")
    ]
    body: Annotated[
        str, Field(min_length=1, max_length=MANIFEST.message_limit, description="What the letter says, in Markdown.")
    ]


def describe_send_email(letter: SendEmail) -> str:
    """Return the letter in one line, for the person who approves."""
    return f"Send “{letter.subject}” to {letter.to}"


def recipients_of(letter: SendEmail) -> tuple[str, ...]:
    """Return whom the letter reaches."""
    return (letter.to,)


def send_email(client: ResendClient, letter: SendEmail, context: ActionContext) -> ActionResult:
    """Send a letter from the agent's own address; the run's id is its idempotency key.

    Raises:
        RetryLater: with ``ambiguous=True`` if Resend may have accepted it.
        NeedsReauth, Refused
    """
    if not context.senders:
        raise Refused(
            "The agent has no e-mail address. Give it one under “Configure”.", code="no_sender", provider=MANIFEST.slug
        )
    sender = context.senders[0]
    outgoing = OutgoingEmail(
        internet_message_id=f"{context.run_id}@{domain_of(sender)}",
        subject=letter.subject,
        from_address=sender,
        from_name=context.agent_name,
        to=(letter.to,),
        headers={"X-Agent-ID": context.agent_id},
    )
    sent = send_letter(client, outgoing, key=context.run_id, markdown=letter.body)
    return ActionResult(output={"id": sent.external_id}, said=f"Sent “{letter.subject}” to {letter.to}.")


def find_email(client: ResendClient, letter: SendEmail, context: ActionContext) -> ActionResult | None:
    """Repeat an interrupted letter under its key, while Resend surely knows the key.

    Raises:
        RetryLater: it is not known yet.
        Refused: the key may be forgotten, or Resend refuses the letter.
        NeedsReauth
    """
    check_key_is_known(context.attempted_at, now=context.now)
    return send_email(client, letter, context)


ACTIONS = (
    Action(
        name="send_email",
        label="Send an e-mail",
        description=(
            "Sends a new e-mail to one recipient, from the agent's own address. Use it to write to somebody first;"
            " an answer to a letter needs no action."
        ),
        risk=ActionRisk.WRITES,
        input=SendEmail,
        describe=describe_send_email,
        run=send_email,
        find=find_email,
        recipients=recipients_of,
    ),
)
