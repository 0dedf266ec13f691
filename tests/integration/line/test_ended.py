"""What still arrives for a connection that has just ended is of no effect, and others do not notice."""

from services import connections
from services.conversations import list_conversations
from services.webhooks import list_deliveries
from services.webhooks.endpoints import EndpointDirectory, token_key
from services.webhooks.refusals import RefusalCounter
from tests.integration.connections.scene import count_rows
from tests.support.line import Line, Shop, webhook_url


def arrive(line: Line, shop: Shop) -> tuple[int | None, ...]:
    """Let a text message arrive, and return what its webhook was answered."""
    [webhook] = line.sandbox.wait_for_webhooks(*line.sandbox.sms("When is the payout?", to=shop.number).event_ids)
    return webhook.statuses


def test_a_message_for_a_deleted_connection_harms_nobody(line: Line, shop: Shop) -> None:
    assert arrive(line, shop) == (200,)
    line.work()
    connections.delete_connection(line.kernel, actor=shop.actor, connection_id=shop.twilio.id)
    # The web process remembers the address for up to four seconds: the provider may be asked to try again.
    assert arrive(line, shop)[-1] in (404, 503)
    line.work()
    assert count_rows(line.kernel, "webhook_delivery") == 0
    assert list_conversations(line.kernel, actor=shop.actor).items == ()


def test_a_refusal_for_a_deleted_connection_does_not_keep_others_from_being_counted(line: Line, shop: Shop) -> None:
    other = line.open_shop("Harbor", is_second=True)
    counter = RefusalCounter(line.kernel)
    for item in (shop, other):
        token = webhook_url(item.twilio, "sms").split("/")[-2]
        [endpoint] = EndpointDirectory(line.kernel).find(token_key("twilio", token))
        counter.count(endpoint, "bad_signature")
    connections.delete_connection(line.kernel, actor=shop.actor, connection_id=shop.twilio.id)
    counter.flush()
    view = connections.get_connection(line.kernel, actor=other.actor, connection_id=other.twilio.id)
    assert [(item.reason, item.count) for item in view.refusals] == [("bad_signature", 1)]


def test_a_message_that_was_stored_before_the_disconnect_is_left_alone(line: Line, shop: Shop) -> None:
    assert arrive(line, shop) == (200,)
    connections.disconnect(line.kernel, actor=shop.actor, connection_id=shop.twilio.id)
    line.work()
    [delivery] = list_deliveries(line.kernel, actor=shop.actor, connection_id=shop.twilio.id).items
    assert (delivery.state, delivery.reason) == ("ignored", "The connection is disconnected")
    assert line.sandbox.answers() == []
