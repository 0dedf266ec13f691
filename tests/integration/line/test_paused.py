"""A paused connection: nothing in, nothing out, nothing lost that had begun."""

from services import connections
from services.connections import ConnectionView
from services.conversations import get_thread, list_conversations
from services.kernel.errors import RetryLater
from services.kernel.kernel import Kernel
from services.webhooks import list_deliveries
from services.webhooks.repository import list_connections
from tests.support.line import Line, Shop


def pause(line: Line, shop: Shop, connection: ConnectionView) -> None:
    connections.pause(line.kernel, actor=shop.actor, connection_id=connection.id)


def resume(line: Line, shop: Shop, connection: ConnectionView) -> None:
    connections.resume(line.kernel, actor=shop.actor, connection_id=connection.id)


def last_delivery(kernel: Kernel, shop: Shop, connection: ConnectionView) -> tuple[str, str]:
    delivery = list_deliveries(kernel, actor=shop.actor, connection_id=connection.id).items[0]
    return delivery.state, delivery.reason


def test_a_webhook_is_acknowledged_and_left_alone(line: Line, shop: Shop) -> None:
    pause(line, shop, shop.slack)
    written = line.sandbox.slack_message("When is the payout?", app=line.sandbox.identities.own_app.app_id)
    [webhook] = line.sandbox.wait_for_webhooks(*written.event_ids)
    line.work()
    assert webhook.statuses == (200,)
    assert last_delivery(line.kernel, shop, shop.slack) == ("ignored", "The connection is paused")
    assert line.sandbox.answers() == []
    assert list_conversations(line.kernel, actor=shop.actor).items == ()
    resume(line, shop, shop.slack)
    line.work(with_sweep=True)
    assert line.sandbox.answers() == [], "what was left alone stays so"
    line.settle(
        *line.sandbox.slack_message("When is the payout?", app=line.sandbox.identities.own_app.app_id).event_ids
    )
    assert len(line.sandbox.answers(service="slack")) == 1


def test_an_answer_that_was_on_its_way_waits_for_the_end_of_the_pause(line: Line, shop: Shop) -> None:
    written = line.sandbox.sms("When is the payout?", to=shop.number)
    line.sandbox.wait_for_webhooks(*written.event_ids)
    while line.queue.wakes and line.queue.wakes[0].job != "send_message":
        line.run_step(line.queue.wakes.popleft())
    pause(line, shop, shop.twilio)
    line.work()
    [conversation] = list_conversations(line.kernel, actor=shop.actor).items
    thread = get_thread(line.kernel, actor=shop.actor, conversation_id=conversation.id)
    assert [(message.state, message.error_text) for message in thread.messages[1:]] == [
        ("queued", "Waits until the connection is resumed.")
    ]
    assert line.sandbox.answers() == []
    resume(line, shop, shop.twilio)
    line.work(with_sweep=True)
    [answer] = line.sandbox.answers(service="twilio")
    assert answer.text == "The payout goes out every Friday."


def test_who_wants_silence_is_heard_also_during_a_pause(line: Line, shop: Shop) -> None:
    pause(line, shop, shop.twilio)
    line.settle(*line.sandbox.sms("STOP", to=shop.number).event_ids)
    state, reason = last_delivery(line.kernel, shop, shop.twilio)
    assert state == "processed"
    assert reason.startswith("STOP: nothing is sent")


def test_resuming_checks_the_credential_at_once(line: Line, shop: Shop) -> None:
    pause(line, shop, shop.slack)
    line.sandbox.fail("slack", "401")
    resume(line, shop, shop.slack)
    line.work()
    after = connections.get_connection(line.kernel, actor=shop.actor, connection_id=shop.slack.id)
    assert (after.status, after.cause) == ("needs_reauth", "authorisation")


def test_an_answer_that_waits_for_a_repair_leaves_with_it(line: Line, shop: Shop) -> None:
    line.sandbox.fail("slack", "401", method="chat.postMessage")
    app = line.sandbox.identities.own_app
    line.settle(*line.sandbox.slack_message("When is the payout?", app=app.app_id).event_ids)
    broken = connections.get_connection(line.kernel, actor=shop.actor, connection_id=shop.slack.id)
    assert (broken.status, broken.cause) == ("needs_reauth", "authorisation")
    line.work(with_sweep=True)
    assert line.sandbox.answers() == []
    connections.reconnect_with_keys(
        line.kernel,
        actor=shop.actor,
        connection_id=shop.slack.id,
        values={"bot_token": app.bot_token, "signing_secret": app.signing_secret},
    )
    line.work(with_sweep=True)
    assert len(line.sandbox.answers(service="slack")) == 1


def test_a_degraded_connection_goes_on_working_and_is_repaired_by_that(line: Line, shop: Shop) -> None:
    down = RetryLater("Slack is not available (HTTP 503).", status=503, provider="slack")
    with line.kernel.unit_of_work(shop.actor.tenant_id) as work:
        row = list_connections(work, [shop.slack.id])[shop.slack.id]
        for _ in range(2):
            connections.note_failure(work, row, down, now=line.kernel.clock.now())
    degraded = connections.get_connection(line.kernel, actor=shop.actor, connection_id=shop.slack.id)
    assert (degraded.status, degraded.cause) == ("degraded", "provider_down")
    app = line.sandbox.identities.own_app.app_id
    line.settle(*line.sandbox.slack_message("When is the payout?", app=app).event_ids)
    assert len(line.sandbox.answers(service="slack")) == 1
    repaired = connections.get_connection(line.kernel, actor=shop.actor, connection_id=shop.slack.id)
    assert (repaired.status, repaired.cause) == ("active", "none")
