"""An action that waits for a person, without a model that asks for it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from models import ActionRun, ActionRunState, GrantMode
from services.actions import set_grant
from services.conversations import list_conversations
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from tests.support.line import CHANNEL, Shop


def add_waiting_run(kernel: Kernel, shop: Shop, *, words: str = "Mia is late.") -> UUID:
    """Let a shop's agent ask to post something in Slack, in its latest conversation; return the run's id."""
    conversation = list_conversations(kernel, actor=shop.actor).items[0]
    set_grant(
        kernel,
        actor=shop.actor,
        agent_id=shop.agent.id,
        connection_id=shop.slack.id,
        action="post_message",
        mode=GrantMode.APPROVAL,
    )
    now = datetime.now(UTC)
    run = ActionRun(
        tenant_id=shop.actor.tenant_id,
        id=new_id(),
        agent_id=shop.agent.id,
        connection_id=shop.slack.id,
        conversation_id=conversation.id,
        call_key="1",
        action="post_message",
        description=f"Post to {CHANNEL}: “{words}”",
        input={"channel": CHANNEL, "text": words},
        state=ActionRunState.AWAITING_APPROVAL,
        trace_id=new_id(),
        created_at=now,
        next_attempt_at=now + timedelta(days=7),
    )
    with kernel.unit_of_work(shop.actor.tenant_id) as work:
        work.session.add(run)
    return run.id
