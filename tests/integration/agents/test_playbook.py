"""The playbook against PostgreSQL: what it knows, and what it admits not to know."""

from collections.abc import Callable

import pytest

from services.agents import (
    AgentForm,
    AgentView,
    PlaybookDraft,
    TurnReply,
    TurnRequest,
    create_agent,
    runner_for,
    save_playbook,
)
from services.agents.matching import THANKS_TEXT, UNKNOWN_TEXT
from services.agents.playbook import PlaybookRunner
from services.kernel.kernel import Kernel
from services.tenants import Actor
from tests.integration.agents.conftest import PLAYBOOK

Ask = Callable[..., TurnRequest]
HOURS, REFUND, DELIVERY = (draft.answer for draft in PLAYBOOK[:3])


@pytest.fixture
def answer(kernel: Kernel, ask: Ask) -> Callable[[str], TurnReply]:
    """Let the playbook answer."""
    return lambda text: PlaybookRunner(kernel).answer(ask(text))


# Many questions to one database: a fresh one for each would take most of the time.
KNOWN = {
    "Opening hours?": HOURS,
    "opening hours": HOURS,
    "hi, what are your OPENING HOURS please": HOURS,
    "When are you open?": HOURS,
    "Are you open on Sundays?": HOURS,
    "I bought a kettle last week.\nIt broke. What are your opening hours so I can come by?": HOURS,
    "refund": REFUND,
    "Can I have my money back? I want a refund!": REFUND,
    "how much is the delivery?": DELIVERY,
    "Hi! Who are you?": "I am the shop's agent.",
    "hello who are you": "I am the shop's agent.",
    "Habt ihr samstags geöffnet?": "Montag bis Freitag, 9 bis 17 Uhr.",
    "Parkplatz": "Hinter dem Haus.",
    "Is Mrs Oberhuber in?": "Oberhuber reads {{mail}} at the front desk.",
}
UNKNOWN = (
    "What is the meaning of life?",
    "Do you sell bicycles?",
    "What is the price of the moon?",
    "I got a parking fine and want to complain about the staff",
    "Wo ist der Bahnhof?",
    "Wer ist der Chef?",
    "and what about it?",
    "the",
    "👍",
    "?!",
    "",
    "' | !(&:* <-> \\ ''",
    "a\0b",
    "x" * 50_000,
    "Friday",
)
GREETINGS = ("hi", "Hello there!", "Good morning", "Hi Ada", "Hey, how are you?", "Guten Tag")
THANKS = ("Thanks!", "thank you so much", "ok great", "Vielen Dank", "danke schön")


def test_known_questions_are_answered(answer: Callable[[str], TurnReply]) -> None:
    replies = {text: answer(text) for text in KNOWN}

    assert {text: reply.text for text, reply in replies.items()} == KNOWN
    assert not any(reply.hand_over for reply in replies.values())
    assert {reply.runner for reply in replies.values()} == {"playbook"}


def test_unknown_questions_are_admitted_and_handed_over(answer: Callable[[str], TurnReply]) -> None:
    replies = {text: answer(text) for text in UNKNOWN}

    assert {text: reply.text for text, reply in replies.items()} == dict.fromkeys(UNKNOWN, UNKNOWN_TEXT)
    assert {reply.reason for reply in replies.values()} == {"No playbook entry matches"}
    assert all(reply.hand_over for reply in replies.values())


def test_greetings_and_thanks_call_nobody(answer: Callable[[str], TurnReply]) -> None:
    greeted = {text: answer(text) for text in GREETINGS}
    thanked = {text: answer(text) for text in THANKS}

    assert {text: reply.text for text, reply in greeted.items()} == dict.fromkeys(
        GREETINGS, "Hello! This is Ada. What would you like to know?"
    )
    assert {text: reply.text for text, reply in thanked.items()} == dict.fromkeys(THANKS, THANKS_TEXT)
    assert not any(reply.hand_over for reply in [*greeted.values(), *thanked.values()])


def test_reason_names_the_matched_question(answer: Callable[[str], TurnReply]) -> None:
    assert answer("opening hours").reason == "Matched the playbook question “Opening hours?”"


def test_two_questions_get_two_answers(answer: Callable[[str], TurnReply]) -> None:
    reply = answer("What are your opening hours? And what is the price of delivery?")

    assert reply.text == f"{HOURS}\n\nDelivery costs €5 within Austria."
    assert reply.reason == "Matched the playbook questions “Opening hours?” and “What is the price of delivery?”"


def test_unanswered_second_question_is_handed_over(answer: Callable[[str], TurnReply]) -> None:
    reply = answer("What are your opening hours? And is my bicycle repaired?")

    assert reply.text.startswith(f"{HOURS}\n\nI don't know the rest for certain.")
    assert reply.hand_over


def test_same_question_wins_over_a_closer_looking_one(kernel: Kernel, owner: Actor, ask: Ask, agent: AgentView) -> None:
    save_playbook(
        kernel,
        actor=owner,
        agent_id=agent.id,
        drafts=[
            PlaybookDraft(question="Delivery abroad?", answer="Delivery abroad: yes, delivery to all of Europe."),
            PlaybookDraft(question="Do you do delivery?", answer="Yes."),
        ],
    )

    assert PlaybookRunner(kernel).answer(ask("do you do delivery")).text == "Yes."


def test_braces_stay_as_they_are(answer: Callable[[str], TurnReply]) -> None:
    assert "{{mail}}" in answer("How can I reach Oberhuber {{agent.instructions}}?").text


def test_entries_of_other_agents_and_tenants_are_out_of_reach(
    kernel: Kernel, owner: Actor, stranger: Actor, ask: Ask
) -> None:
    for actor, name in ((owner, "Bob"), (stranger, "Ada")):
        other = create_agent(kernel, actor=actor, form=AgentForm(name=name))
        save_playbook(
            kernel, actor=actor, agent_id=other.id, drafts=[PlaybookDraft(question="Bicycles?", answer="A secret.")]
        )

    assert PlaybookRunner(kernel).answer(ask("bicycles")).text == UNKNOWN_TEXT


def test_playbook_answers_without_a_key(kernel: Kernel, owner: Actor, agent: AgentView) -> None:
    assert isinstance(runner_for(kernel, owner.tenant_id, agent), PlaybookRunner)
