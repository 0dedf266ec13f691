"""What is done again and again: each has its turn once, names are kept true, old conversations are put away."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import create_engine, text

from services import errands
from services.conversations import get_conversation, list_conversations, take_over
from services.errands import ERRANDS, archive_conversations
from services.errands.repository import Slice
from services.kernel.db import Wake
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from tests.support.clock import FakeClock
from tests.support.line import Line, Shop, running_line

NAMES, ARCHIVE, _COUNT = ERRANDS


@pytest.fixture
def line(settings: Settings, tmp_path: Path) -> Generator[Line]:
    """Webhook door, sandbox, and a worker on demand."""
    with running_line(settings, tmp_path) as running:
        yield running


@pytest.fixture
def shop(line: Line) -> Shop:
    """A tenant to which two contacts have written."""
    shop = line.open_shop("Northwind")
    write(line, "What are your opening hours?", user="U0MIA000001")
    line.settle(*line.sandbox.sms("When is the payout?", to=shop.number).event_ids)
    return shop


def write(line: Line, words: str, *, user: str) -> None:
    """Have somebody write to the agent in Slack, and be answered."""
    app = line.sandbox.identities.own_app.app_id
    line.settle(*line.sandbox.slack_message(words, app=app, user=user).event_ids)


def change(line: Line, statement: str) -> None:
    """Change rows as the owner of the tables."""
    engine = create_engine(line.kernel.settings.database_owner_url)
    with engine.begin() as connection:
        connection.execute(text("SELECT set_config('patchbay.unscoped', 'test', true)"))
        connection.execute(text(statement))
    engine.dispose()


def age(line: Line, *, days: int) -> None:
    """Have all conversations rest for so long."""
    change(line, f"UPDATE conversation SET last_message_at = now() - interval '{days} days'")


def found_in(line: Line, errand: errands.Errand, number: int) -> Sequence[tuple[UUID, UUID]]:
    """Return whose turn it is in a slice."""
    with line.kernel.unscoped_session("test") as session:
        return errand.find(session, Slice(number=number, count=errand.slices), line.kernel.clock.now())


def states(line: Line, shop: Shop) -> dict[str, str]:
    """Return the conversations' states, by channel kind."""
    items = list_conversations(line.kernel, actor=shop.actor, state="all").items
    return {item.channel_kind: item.state for item in items}


def test_each_contact_in_touch_has_a_turn_once_an_hour(line: Line, shop: Shop) -> None:
    found = [ids for number in range(NAMES.slices) for ids in found_in(line, NAMES, number)]
    assert len(found) == 1, "only Slack says who people are"
    assert found[0][0] == shop.actor.tenant_id
    age(line, days=31)
    assert [ids for number in range(NAMES.slices) for ids in found_in(line, NAMES, number)] == []


def test_each_tenant_has_a_turn_once_a_week(line: Line, shop: Shop) -> None:
    other = line.open_shop("Harbor", is_second=True)
    found = [ids for number in range(ARCHIVE.slices) for ids in found_in(line, ARCHIVE, number)]
    tenants = {shop.actor.tenant_id, other.actor.tenant_id}
    assert sorted(found) == sorted((tenant, tenant) for tenant in tenants)


def test_slices_follow_one_another_and_begin_anew() -> None:
    at = datetime(2026, 3, 1, 9, 0, 30, tzinfo=UTC)
    numbers = [NAMES.slice_at(at + timedelta(minutes=minutes)).number for minutes in range(61)]
    assert sorted(numbers[:60]) == list(range(60))
    assert numbers[60] == numbers[0]
    assert NAMES.slice_at(at + timedelta(seconds=29)).number == numbers[0]


def at_turn(line: Line, errand: errands.Errand) -> tuple[Kernel, Wake]:
    """Return a kernel whose clock stands where somebody's turn is, and what is to be woken then."""
    clock = FakeClock()
    for _ in range(errand.slices):
        number = errand.slice_at(clock.now()).number
        for tenant_id, row_id in found_in(line, errand, number):
            return replace(line.kernel, clock=clock), Wake(errand.job, tenant_id, row_id)
        clock.advance(errand.tick)
    raise AssertionError("nobody's turn")


def test_a_new_name_is_learned_and_an_errand_is_run_once_per_turn(line: Line, shop: Shop) -> None:
    [before] = [
        item for item in list_conversations(line.kernel, actor=shop.actor).items if "slack" in item.channel_kind
    ]
    assert before.contact_name
    change(line, "UPDATE contact SET name = 'Maiden Name'")
    kernel, wake = at_turn(line, NAMES)
    assert errands.run_due(kernel) >= 1
    assert wake in line.queue.wakes
    line.work()
    assert (
        get_conversation(line.kernel, actor=shop.actor, conversation_id=before.id).contact_name == before.contact_name
    )
    assert errands.run_due(kernel) == 0, "its turn has been taken"


def test_old_conversations_are_put_away_and_come_back(line: Line, shop: Shop) -> None:
    age(line, days=89)
    assert archive_conversations(line.kernel, tenant_id=shop.actor.tenant_id) == 0
    age(line, days=91)
    kernel, wake = at_turn(line, ARCHIVE)
    errands.run_due(kernel)
    assert wake in line.queue.wakes
    line.work()
    assert states(line, shop) == {"slack_dm": "archived", "sms": "archived"}
    assert archive_conversations(line.kernel, tenant_id=shop.actor.tenant_id) == 0
    write(line, "When is the payout?", user="U0MIA000001")
    assert states(line, shop) == {"slack_dm": "agent", "sms": "archived"}
    assert len(line.sandbox.answers(service="slack")) == 2, "the agent answers again"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE turn SET state = 'due'",
        "UPDATE message SET state = 'queued' WHERE direction = 'outbound'",
        "UPDATE conversation SET state = 'waiting'",
        "UPDATE conversation SET lease_until = now() + interval '1 minute'",
    ],
    ids=["open turn", "unsent answer", "waits for a person", "is worked on"],
)
def test_what_is_not_done_is_left_alone(line: Line, shop: Shop, statement: str) -> None:
    age(line, days=91)
    change(line, statement)
    assert archive_conversations(line.kernel, tenant_id=shop.actor.tenant_id) == 0


def test_what_a_person_holds_is_left_alone_and_never_can_be_chosen(line: Line, shop: Shop) -> None:
    [first, _] = list_conversations(line.kernel, actor=shop.actor).items
    take_over(line.kernel, actor=shop.actor, conversation_id=first.id)
    age(line, days=91)
    settings = line.kernel.settings.model_copy(update={"archive_after_days": 0})
    assert archive_conversations(replace(line.kernel, settings=settings), tenant_id=shop.actor.tenant_id) == 0
    assert archive_conversations(line.kernel, tenant_id=shop.actor.tenant_id) == 1
    assert get_conversation(line.kernel, actor=shop.actor, conversation_id=first.id).state == "human"
