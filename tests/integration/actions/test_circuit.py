"""Actions behind an open circuit: nobody is called, everybody is told why, and all goes on afterwards."""

from models import GrantMode
from services.connections import WAITS_FOR_PROVIDER
from tests.integration.actions.conftest import Desk, posting
from tests.support.circuits import is_open, set_circuit


def test_action_waits_and_is_done_by_the_probe(desk: Desk) -> None:
    kernel, slack = desk.line.kernel, desk.shop.slack.id
    desk.grant("post_message", GrantMode.ALLOWED)
    desk.script(posting(), "It may take a little longer.")
    set_circuit(kernel, slack, next_call="+ interval '25 seconds'")
    calls = desk.line.sandbox.ledger().calls.get("slack chat.postMessage", 0)
    desk.text("Please tell the team I am late.")

    [run] = desk.runs()
    assert (run.state, run.error_code) == ("queued", WAITS_FOR_PROVIDER)
    assert run.said.startswith("Slack does not answer; tried again at ")
    assert desk.line.sandbox.ledger().calls.get("slack chat.postMessage", 0) == calls
    assert desk.said() == ["It may take a little longer."], "the contact is answered by text message meanwhile"

    set_circuit(kernel, slack, next_call="- interval '1 second'")
    desk.go_on()
    assert desk.runs()[0].state == "succeeded" and len(desk.posts()) == 1
    assert not is_open(kernel, slack)


def test_action_that_waited_is_done_once_something_else_got_through(desk: Desk) -> None:
    kernel, slack = desk.line.kernel, desk.shop.slack.id
    desk.grant("post_message", GrantMode.ALLOWED)
    desk.script(posting(), "It may take a little longer.", "Hello.")
    set_circuit(kernel, slack, next_call="+ interval '25 seconds'")
    desk.text("Please tell the team I am late.")
    set_circuit(kernel, slack, next_call="- interval '1 second'")
    desk.write("Hello?")  # its answer is the probe
    desk.line.work(with_sweep=True)

    assert desk.runs()[0].state == "succeeded" and len(desk.posts()) == 1
