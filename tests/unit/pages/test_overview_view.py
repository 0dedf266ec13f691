"""The list of all connections: filters as links, what needs a person first, words for its numbers."""

from dataclasses import replace
from uuid import UUID

from app.pages.all_integrations.view import keep_agent, needs_of, rows_of, state_filters, summary_words
from services.connections import UsageView
from services.health import FilterOption, HealthSummary, OverviewRow, OverviewView
from tests.unit.pages.test_cards import AGENT, CONNECTED, FINDING, NOW, OTHER

WELL = HealthSummary(connections=2, healthy=2, errors=0, warnings=0, paused=0, next_at=None)
ROW = OverviewRow(connection=CONNECTED, severity="", findings=(), last_success_at=None)


def overview(*statuses: FilterOption) -> OverviewView:
    """A list with these states to filter by."""
    return OverviewView(rows=(ROW,), total=1, summary=WELL, providers=(), statuses=statuses, causes=())


def test_health_in_one_sentence() -> None:
    assert summary_words(WELL) == "2 connections, all working."
    assert summary_words(replace(WELL, connections=1, healthy=1)) == "1 connection, working."
    assert summary_words(replace(WELL, healthy=0, errors=1, warnings=1)) == (
        "2 connections: none working, 1 broken, 1 about to break."
    )
    assert summary_words(replace(WELL, connections=1, healthy=0, paused=1)) == "1 connection: none working, 1 paused."
    assert summary_words(replace(WELL, connections=0)) == "Nothing is connected yet."


def test_state_filters_keep_the_others_and_count_what_is_in_use() -> None:
    active = FilterOption(value="active", label="Connected", count=3)
    ended = FilterOption(value="disconnected", label="Disconnected", count=5)
    found = state_filters(overview(active, ended), {"provider": "slack", "status": "active", "q": "a b"})
    assert [(item.label, item.count, item.current) for item in found] == [
        ("In use", 3, False),
        ("Connected", 3, True),
        ("Disconnected", 5, False),
    ]
    assert found[0].path == "/admin/integrations?provider=slack&q=a+b"
    assert found[2].path == "/admin/integrations?provider=slack&status=disconnected&q=a+b"


def test_rows_say_who_works_through_them_and_name_the_cause() -> None:
    broken = replace(
        CONNECTED,
        status="needs_reauth",
        cause="authorisation",
        used_by=UsageView(agents=("Bri", "Max"), channels=1, conversations=0),
    )
    [row] = rows_of([replace(ROW, connection=broken, last_success_at=NOW)], fallback_agent=None)
    assert (row.chip, row.cause, row.used_by) == ("Reconnect needed", "access refused", "2 agents, 1 channel")
    assert row.last_success_at == NOW.isoformat()
    [unused] = rows_of(
        [replace(ROW, connection=replace(CONNECTED, used_by=UsageView(agents=(), channels=0, conversations=0)))],
        fallback_agent=None,
    )
    assert unused.used_by == "used by nobody yet"


def test_connections_of_the_whole_company_lead_to_an_agents_page() -> None:
    shared = replace(ROW, connection=replace(CONNECTED, agent_id=None, agent_name=""))
    [row] = rows_of([shared], fallback_agent=AGENT)
    assert (row.agent, row.agent_path) == ("Whole company", f"/admin/ai-team/{AGENT}/integrations")
    assert rows_of([shared], fallback_agent=None)[0].agent_path == "/admin/ai-team"


def test_agent_filter() -> None:
    theirs = replace(ROW, connection=replace(CONNECTED, agent_id=OTHER))
    shared = replace(ROW, connection=replace(CONNECTED, agent_id=None))
    rows = (ROW, theirs, shared)
    assert keep_agent(rows, "") == rows
    assert keep_agent(rows, str(OTHER)) == (theirs,)
    assert keep_agent(rows, "company") == (shared,)
    assert keep_agent(rows, str(UUID(int=77))) == ()


def test_broken_comes_before_what_will_break_and_notes_are_left_out() -> None:
    error = replace(FINDING, severity="error", worsens_at=None, what="Broken now.")
    note = replace(FINDING, severity="note", what="Paused.")
    found = needs_of([replace(ROW, findings=(FINDING, note)), replace(ROW, findings=(error,))])
    assert [(item.title, item.kind) for item in found] == [("Broken now.", "broken"), (FINDING.what, "soon")]
