"""Another Twilio than ours agrees: it signs what we accept, and accepts what we send."""

import httpx2
import pytest
from pydantic import BaseModel, Field

from services.connections import ConnectionView, assign_number, connect_with_keys
from services.conversations import get_thread, list_conversations
from services.kernel.errors import PatchbayError
from services.webhooks import list_deliveries
from tests.peers.scene import ANSWER, NUMBER, QUESTION, Scene

CONTACT = "+14155550188"


class PeerMessage(BaseModel):
    """A message in the peer's list."""

    sid: str
    body: str
    direction: str
    sender: str = Field(alias="from")


class _Listed(BaseModel):
    messages: list[PeerMessage]


def connect(scene: Scene, *, auth_token: str) -> ConnectionView:
    """Connect the account by its keys."""
    return connect_with_keys(
        scene.kernel,
        actor=scene.actor,
        provider="twilio",
        scheme_id="keys",
        agent_id=scene.agent.id,
        values={"account_sid": scene.keys.account_sid, "auth_token": auth_token},
    )


def tell_peer(scene: Scene, path: str, **form: str) -> None:
    """Make something happen at the peer."""
    auth = (scene.keys.account_sid, scene.keys.auth_token)
    httpx2.post(f"{scene.peer.twilio}{path}", auth=auth, data=form, trust_env=False).raise_for_status()


def messages_to(scene: Scene, contact: str) -> list[PeerMessage]:
    """Return what the peer accepted for a contact."""
    auth = (scene.keys.account_sid, scene.keys.auth_token)
    url = f"{scene.peer.twilio}/2010-04-01/Accounts/{scene.keys.account_sid}/Messages.json"
    response = httpx2.get(url, auth=auth, params={"To": contact}, trust_env=False).raise_for_status()
    return _Listed.model_validate_json(response.content).messages


def test_wrong_keys_are_refused_before_anything_is_stored(scene: Scene) -> None:
    with pytest.raises(PatchbayError, match="Twilio"):
        connect(scene, auth_token="0" * 32)


def test_a_signed_text_message_is_answered_and_its_receipt_understood(scene: Scene) -> None:
    connection = connect(scene, auth_token=scene.keys.auth_token)
    [number] = [item for item in connection.numbers if item.number == NUMBER]
    connection = assign_number(
        scene.kernel, actor=scene.actor, connection_id=connection.id, number_id=number.id, agent_id=scene.agent.id
    )

    tell_peer(scene, "/_twilio/simulate/inbound-message", From=CONTACT, To=NUMBER, Body=QUESTION)
    scene.work()
    [answer] = messages_to(scene, CONTACT)
    assert (answer.body, answer.sender, answer.direction) == (ANSWER, NUMBER, "outbound-api")

    tell_peer(scene, "/_twilio/simulate/message-status", MessageSid=answer.sid, Status="delivered")
    scene.work()
    [conversation] = list_conversations(scene.kernel, actor=scene.actor).items
    thread = get_thread(scene.kernel, actor=scene.actor, conversation_id=conversation.id)
    assert [(item.direction, item.state) for item in thread.messages] == [
        ("inbound", "received"),
        ("outbound", "delivered"),
    ]
    states = {item.state for item in list_deliveries(scene.kernel, actor=scene.actor).items}
    assert states <= {"processed", "ignored"}
    assert [item.sid for item in messages_to(scene, CONTACT)] == [answer.sid]
