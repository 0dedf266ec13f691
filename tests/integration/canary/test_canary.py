"""A secret put through every field appears nowhere: not in a log, a Redis key, a column, an answer or a repr."""

import base64
import json

import pytest
from sqlalchemy import create_engine, text

from tests.integration.canary.conftest import Traces
from tests.support.canary import scan_database, scan_redis, scan_text, scan_texts
from workers.runtime.embedded import EmbeddedUrls

SECRET = 'xoxb-1234-"canary"/+'


def test_walk_went_through_success_and_failure(traces: Traces) -> None:
    """Otherwise finding nothing would mean nothing."""
    status = {what: said[:3] for what, said in traces.answers.items()}
    assert status["right Slack keys"] == "201"
    assert status["wrong Slack keys"] == status["wrong Twilio keys"] == status["wrong Resend keys"] == "422"
    assert status["REST with API key"] == "200" and status["REST with wrong API key"] == "401"
    assert status["a right link"] == "303" and status["a used link"] == "410"
    assert "connected=" in traces.answers["the way back from consent 0"]
    assert "refused=" in traces.answers["the way back from consent 1"]
    assert status["connect without table credential"] in {"500", "503"}
    with create_engine(traces.owner_url).connect() as connection:
        assert "model" in connection.execute(text("SELECT runner FROM turn")).scalars().all()
        failed = set(connection.execute(text("SELECT subject FROM failed_attempt")).scalars())
        unsent = set(connection.execute(text("SELECT state FROM message WHERE direction = 'outbound'")).scalars())
        assert "turn" in failed and unsent & {"failed", "unknown", "queued"}
    assert len(traces.canaries) >= 20
    assert len(traces.log.getvalue().splitlines()) > 50 and len(traces.own_records) > 50


MEANT: dict[str, set[str]] = {
    "letter": {
        *("message.text", "conversation.last_message_text", "email_envelope.original_text", "email_envelope.html"),
    },
    "subject": {"email_envelope.subject", "conversation.subject", "webhook_delivery.body"},
    "file": {"attachment.content"},
    "meeting": {"calendar_event.title"},
    # Slack tells of every message in a channel, ours among them.
    "action": {"action_run.input", "action_run.description", "message.text", "webhook_delivery.body"},
}
"""Where what people write belongs."""


def test_what_people_write_is_nowhere_but_in_its_place(traces: Traces) -> None:
    found: dict[str, set[str]] = {name: set() for name in traces.contents}
    for hit in scan_database(traces.owner_url, traces.contents):
        name, _, place = hit.partition(" in public.")
        found[name].add(place)
    assert {name: places - MEANT[name] for name, places in found.items() if places - MEANT[name]} == {}
    assert [name for name, places in found.items() if not places] == []


def test_what_people_write_is_in_no_log_error_job_or_notice(traces: Traces) -> None:
    said = {
        "the log": traces.log.getvalue(),
        "what loggers were given": "\n".join(traces.own_records),
        "notices to pages": "\n".join(traces.live),
        **traces.errors,
    }
    assert scan_texts(said, traces.contents) == []
    assert scan_redis(traces.redis_url, traces.contents) == []
    assert scan_texts(traces.answers, traces.contents) == []


def test_no_notice_or_failed_job_holds_one(traces: Traces) -> None:
    assert len(traces.live) > 20 and traces.errors
    assert scan_texts({"notices to pages": "\n".join(traces.live), **traces.errors}, traces.canaries) == []


def test_no_log_line_holds_one(traces: Traces) -> None:
    assert scan_text(traces.log.getvalue(), traces.canaries, place="the log") == []


def test_nothing_of_ours_even_hands_one_to_a_logger(traces: Traces) -> None:
    hits = {hit for said in traces.own_records for hit in scan_text(said, traces.canaries, place=said.split(" ", 1)[0])}
    assert hits == set()


def test_no_column_of_the_database_holds_one(traces: Traces) -> None:
    assert scan_database(traces.owner_url, traces.canaries) == []


def test_no_key_or_job_in_redis_holds_one(traces: Traces) -> None:
    assert scan_redis(traces.redis_url, traces.canaries) == []


def test_no_answer_or_error_page_holds_one(traces: Traces) -> None:
    assert scan_texts(traces.answers, traces.canaries) == []


def test_no_repr_holds_one(traces: Traces) -> None:
    assert scan_texts(traces.reprs, traces.canaries) == []


@pytest.mark.parametrize(
    "said",
    [
        SECRET,
        f"before {SECRET} after".upper(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(b"x" + SECRET.encode() + b"y").decode(),
        base64.urlsafe_b64encode(b"xy" + SECRET.encode() + b"yz").decode(),
        SECRET.encode().hex(),
        "xoxb-1234-%22canary%22%2F%2B",
        json.dumps({"token": SECRET}),
    ],
)
def test_scan_finds_a_secret_in_any_spelling(said: str) -> None:
    assert scan_text(said, {"token": SECRET}) == ["token in text"]


def test_scan_of_the_database_sees_every_kind_of_column(traces: Traces, servers: EmbeddedUrls) -> None:
    """The proof that the empty results above mean something."""
    engine = create_engine(traces.owner_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE canary_probe (a text, b bytea, c jsonb, d text[], e tsvector)"))
        connection.execute(
            text(
                "INSERT INTO canary_probe VALUES ('secret-in-text', convert_to('secret-in-bytes', 'UTF8'),"
                " '{\"deep\": [\"secret-in-json\"]}', ARRAY['secret-in-array'],"
                " to_tsvector('simple', 'secretinsearch'))"
            )
        )
    names = ("secret-in-text", "secret-in-bytes", "secret-in-json", "secret-in-array", "SecretInSearch")
    try:
        found = scan_database(traces.owner_url, {name: name for name in names})
        assert {hit.split(" in ")[0] for hit in found} == set(names)
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE canary_probe"))
        engine.dispose()
