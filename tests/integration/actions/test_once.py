"""An action runs once: whoever dies, decides, repeats or takes rights away at the worst moment."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from models import GrantMode, Role
from services.actions import approve, get_run, reject
from services.actions import running as running_service
from services.connections import disconnect, pause, resume
from services.conversations import take_over
from services.kernel.db import Wake
from services.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from services.kernel.http import OutboundClient, OutboundResponse
from services.kernel.ids import new_id
from services.turns import answering
from tests.integration.actions.conftest import PHONE, POST, SMS, Desk, calling, posting
from tests.integration.agents.conftest import actor_of
from tests.support.line import CHANNEL

DONE = "This is done now: Post a message to a Slack channel."


class Killed(BaseException):
    """Stands for kill -9: nothing catches it, nothing is tidied up."""


def die(*_: object, **__: object) -> None:
    raise Killed


def waiting_run(desk: Desk) -> Any:
    """Let the agent ask for a post that waits for approval."""
    desk.grant("post_message", GrantMode.APPROVAL)
    desk.script(posting(), "A colleague decides.")
    desk.write()
    [run] = desk.runs()
    return run


def test_two_people_who_decide_at_once_decide_once(desk: Desk) -> None:
    run = waiting_run(desk)
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def decide(act: Any) -> None:
        start.wait()
        try:
            outcomes.append(act(desk.line.kernel, actor=desk.shop.actor, run_id=run.id).state)
        except Conflict as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=decide, args=(approve,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.line.work()

    assert sorted(outcomes) == ["already_decided"] * 3 + ["queued"]
    assert len(desk.posts()) == 1 and desk.said()[1:] == [DONE]
    with pytest.raises(Conflict, match="approved by"):
        reject(desk.line.kernel, actor=desk.shop.actor, run_id=run.id)


@pytest.mark.parametrize("moment", ["before the request", "after the request"])
def test_worker_killed_while_carrying_out_what_was_approved(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def die_when_posting(client: OutboundClient, method: str, url: str, **options: Any) -> OutboundResponse:
        if url.endswith("/chat.postMessage"):
            raise Killed
        return request(client, method, url, **options)

    request = OutboundClient.request
    run = waiting_run(desk)
    approve(desk.line.kernel, actor=desk.shop.actor, run_id=run.id)
    with monkeypatch.context() as patch:
        if moment == "after the request":
            patch.setattr(running_service, "_settle", die)
        else:
            patch.setattr(OutboundClient, "request", die_when_posting)
        with pytest.raises(Killed):
            desk.line.work()
    assert desk.runs()[0].state == "running"
    desk.go_on()
    desk.go_on()

    assert len(desk.posts()) == 1 and desk.said()[1:] == [DONE]
    assert desk.runs()[0].state == "succeeded"


@pytest.mark.parametrize("killed", ["in the action", "after the action"])
def test_worker_killed_within_the_turn_repeats_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    desk.grant("post_message", GrantMode.ALLOWED)
    desk.script(posting(), "I have told the team.")
    with monkeypatch.context() as patch:
        target = (running_service, "_settle") if killed == "in the action" else (answering, "settle_turns")
        patch.setattr(*target, die)
        with pytest.raises(Killed):
            desk.write()
    if killed == "after the action":
        desk.script("I have told the team.")
    desk.go_on()
    desk.go_on()

    assert len(desk.posts()) == 1
    assert desk.said() == ["I have told the team."]
    assert [run.state for run in desk.runs()] == ["succeeded"]


def test_model_that_asks_again_in_a_repeated_turn_runs_nothing_twice(desk: Desk) -> None:
    desk.grant("post_message", GrantMode.ALLOWED)
    desk.script(posting(), posting(), "I have told the team.")
    desk.write()

    assert len(desk.posts()) == 1 and len(desk.runs()) == 1
    assert desk.said() == ["I have told the team."]


@pytest.mark.parametrize("kind", ["accept_then_hang", "reset"])
def test_ambiguous_answer_is_looked_up_and_told_after_the_turn(desk: Desk, kind: str) -> None:
    desk.grant("post_message", GrantMode.ALLOWED)
    desk.line.sandbox.fail("slack", kind, method="chat.postMessage", seconds=30)
    desk.script(posting(), "It may take a little longer.")
    desk.write()
    assert desk.runs()[0].state == "running" and desk.said() == ["It may take a little longer."]
    desk.go_on()
    desk.go_on()

    assert len(desk.posts()) == 1
    assert desk.runs()[0].state == "succeeded" and desk.said()[1:] == [DONE]


def test_busy_provider_is_asked_again_and_the_contact_told(desk: Desk) -> None:
    desk.grant("post_message", GrantMode.ALLOWED)
    desk.line.sandbox.fail("slack", "429", method="chat.postMessage", retry_after=7)
    desk.script(posting(), "It may take a little longer.")
    desk.write()
    assert desk.runs()[0].state == "queued" and desk.posts() == []
    desk.go_on()

    assert len(desk.posts()) == 1 and desk.said()[1:] == [DONE]


def test_refusal_is_the_agents_to_explain(desk: Desk) -> None:
    desk.grant("post_message", GrantMode.ALLOWED)
    desk.script(calling((POST, {"channel": "#nowhere", "text": "Hi"})), "That channel does not exist.")
    desk.write()

    [run] = desk.runs()
    assert (run.state, run.error_code) == ("failed", "channel_not_found")
    assert "Invite the app" in run.said
    assert desk.said() == ["That channel does not exist."]


def test_grant_taken_back_between_approval_and_run_cancels(desk: Desk) -> None:
    run = waiting_run(desk)
    approve(desk.line.kernel, actor=desk.shop.actor, run_id=run.id)
    desk.grant("post_message", None)
    desk.line.work()
    desk.go_on()

    assert desk.posts() == []
    assert (desk.runs()[0].state, desk.runs()[0].error_code) == ("cancelled", "not_granted")
    assert desk.said()[1:] == [
        "I'm sorry, this could not be done after all: Post a message to a Slack channel. A colleague will answer here."
    ]


def test_disconnecting_between_approval_and_run_cancels(desk: Desk) -> None:
    run = waiting_run(desk)
    approve(desk.line.kernel, actor=desk.shop.actor, run_id=run.id)
    disconnect(desk.line.kernel, actor=desk.shop.actor, connection_id=desk.shop.slack.id)
    desk.line.work()

    assert desk.posts() == []
    assert (desk.runs()[0].state, desk.runs()[0].error_code) == ("cancelled", "disconnected")


def test_approved_run_waits_for_its_connection(desk: Desk) -> None:
    run = waiting_run(desk)
    pause(desk.line.kernel, actor=desk.shop.actor, connection_id=desk.shop.slack.id)
    approve(desk.line.kernel, actor=desk.shop.actor, run_id=run.id)
    desk.line.work()
    assert (desk.runs()[0].state, desk.runs()[0].said) == ("queued", "Waits until the connection is resumed.")
    resume(desk.line.kernel, actor=desk.shop.actor, connection_id=desk.shop.slack.id)
    desk.line.work(with_sweep=True)

    assert desk.runs()[0].state == "succeeded" and len(desk.posts()) == 1


def test_refused_token_parks_what_was_approved(desk: Desk) -> None:
    run = waiting_run(desk)
    approve(desk.line.kernel, actor=desk.shop.actor, run_id=run.id)
    desk.line.sandbox.slack_control("revoke", app=desk.line.sandbox.identities.own_app.app_id)
    desk.line.run_job(Wake("run_action", desk.shop.actor.tenant_id, run.id))  # before Slack's own word of it is heard

    assert desk.runs()[0].state == "queued" and desk.posts() == []


def test_nobody_decides_for_a_week(desk: Desk) -> None:
    run = waiting_run(desk)
    desk.go_on()
    assert desk.runs()[0].state == "awaiting_approval"
    desk.clock.advance(timedelta(days=7))
    desk.go_on()

    [ended] = desk.runs()
    assert (ended.state, ended.error_code) == ("cancelled", "not_decided")
    assert ended.said == "Nobody decided within 7 days." and len(desk.said()) == 2
    with pytest.raises(Conflict, match="was cancelled"):
        approve(desk.line.kernel, actor=desk.shop.actor, run_id=run.id)


def test_wrong_input_names_the_field_and_runs_nothing(desk: Desk) -> None:
    desk.grant("post_message", GrantMode.ALLOWED)
    wrong = (
        {"channel": "@mia", "text": "Hi"},
        {"channel": CHANNEL},
        {"channel": CHANNEL, "text": "Hi", "as_user": "U1"},
        "{not json",
        '["a list"]',
    )
    desk.script(calling(*((POST, given) for given in wrong)), "What should I write?")
    desk.write()

    assert desk.posts() == [] and desk.runs() == () and desk.said() == ["What should I write?"]


def test_model_that_calls_for_ever_is_stopped_and_hands_over(desk: Desk) -> None:
    desk.grant("post_message", GrantMode.ALLOWED)
    desk.script(
        *(calling(*((POST, {"channel": CHANNEL, "text": f"{round}.{n}"}) for n in range(3))) for round in range(9))
    )
    desk.write()

    assert len(desk.runs()) == 8 and len(desk.posts()) == 8
    [said] = desk.said()
    assert "colleague" in said


def test_only_those_who_may_decide(desk: Desk) -> None:
    run = waiting_run(desk)
    viewer = actor_of(desk.shop.actor.tenant_id, Role.VIEWER)
    stranger = actor_of(new_id())
    for act in (approve, reject):
        with pytest.raises(Forbidden, match="decide on what agents want to do"):
            act(desk.line.kernel, actor=viewer, run_id=run.id)
        with pytest.raises(NotFound):
            act(desk.line.kernel, actor=stranger, run_id=run.id)
        with pytest.raises(InvalidInput):
            act(desk.line.kernel, actor=desk.shop.actor, run_id=run.id, note="x" * 501)
    assert get_run(desk.line.kernel, actor=viewer, run_id=run.id).state == "awaiting_approval"
    operator = actor_of(desk.shop.actor.tenant_id, Role.OPERATOR)
    assert approve(desk.line.kernel, actor=operator, run_id=run.id).decided_by == operator.label


def test_person_in_charge_is_not_talked_over(desk: Desk) -> None:
    run = waiting_run(desk)
    take_over(desk.line.kernel, actor=desk.shop.actor, conversation_id=run.conversation_id)
    approve(desk.line.kernel, actor=desk.shop.actor, run_id=run.id)
    desk.line.work()

    assert len(desk.posts()) == 1 and desk.said() == ["A colleague decides."]


def test_text_message_that_was_cut_off_is_not_sent_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.grant("send_sms", GrantMode.APPROVAL)
    desk.script(calling((SMS, {"to": PHONE, "body": "Main Street 1"})), "A colleague decides.")
    desk.text()
    approve(desk.line.kernel, actor=desk.shop.actor, run_id=desk.runs()[0].id)
    with monkeypatch.context() as patch:
        patch.setattr(running_service, "_settle", die)
        with pytest.raises(Killed):
            desk.line.work()
    desk.go_on()
    desk.go_on()

    texts = [item.text for item in desk.line.sandbox.answers(service="twilio")]
    assert texts.count("Main Street 1") == 1
    assert desk.runs()[0].state == "succeeded"
