"""What the page about keys says: the dry run in numbers, and how far a rotation has come."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from app.pages.keys.view import (
    NO_ROTATION,
    alarm_words,
    dry_run,
    kek_words,
    key_of,
    openings_words,
    rotation_of,
)
from models import DataKeyState, RotationState
from services.vault import KeyStatusView, KeyView, OpeningsView, ProcessView, RotationView

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = KeyView(
    id=UUID(int=3),
    state=DataKeyState.PRIMARY,
    kek_id="k1",
    secret_count=4,
    created_at=NOW,
    promoted_at=NOW,
    retired_at=None,
    destroyed_at=None,
)
STATUS = KeyStatusView(
    keys=(KEY,),
    secret_count=4,
    rotation=None,
    processes=(ProcessView(name="web (pid 7 on host)", ring_version=1, kek_ids=("k1",), seen_at=NOW),),
    kek_ids=("k1",),
    kek_source="the file key",
    is_due=False,
    can_start=True,
)
ROTATION = RotationView(
    id=UUID(int=4),
    state=RotationState.PROMOTED,
    is_under_way=True,
    words="At work.",
    rows_total=4,
    rows_done=1,
    rows_left=3,
    waiting_for=(),
    problem="",
    can_revert=True,
    kept_until=None,
    started_by="Ana",
    started_at=NOW,
    updated_at=NOW,
    finished_at=None,
)


def test_dry_run_counts_secrets_and_names_who_must_see_the_new_key() -> None:
    said = " ".join(dry_run(STATUS))
    assert "4 secrets are re-encrypted" in said
    assert "1 process (web) must have seen it" in said
    assert "“k1”" in said
    assert "every process must have seen it" in " ".join(dry_run(replace(STATUS, processes=())))


def test_progress_is_what_is_left_of_all() -> None:
    shown = rotation_of(ROTATION)
    assert (shown.percent, shown.progress) == (25, "1 of 4 secrets on the key that stays")
    assert rotation_of(replace(ROTATION, rows_total=0, rows_done=0, rows_left=0)).percent == 100
    assert rotation_of(None) == NO_ROTATION


def test_keys_are_shown_by_their_end_and_their_state() -> None:
    shown = key_of(KEY)
    assert (shown.short, shown.chip, shown.secrets) == ("000000000003", "In use", "4 secrets")
    assert {key_of(replace(KEY, state=state)).chip for state in DataKeyState} >= {"Switched off", "Destroyed"}
    assert all(key_of(replace(KEY, state=state)).chip != state.value for state in DataKeyState)


def test_tenant_is_not_told_where_on_the_server_keys_and_processes_are() -> None:
    assert kek_words(STATUS) == "k1"
    assert kek_words(replace(STATUS, kek_ids=("k2", "k1"))) == "k2, and 1 older one"
    waiting = rotation_of(replace(ROTATION, waiting_for=("worker (pid 9 on host): has not seen the new key",)))
    assert waiting.waiting_for == ("worker: has not seen the new key",)


def test_openings_are_shown_beside_the_usual_and_alarm_when_far_above() -> None:
    calm = OpeningsView(within_an_hour=9, usual=12)
    assert (openings_words(calm), alarm_words(calm)) == ("9 within an hour (usual: 12)", "")
    storm = OpeningsView(within_an_hour=400, usual=12, is_unusual=True)
    assert alarm_words(storm).startswith("400 secrets were opened within an hour; usual are 12.")
    assert openings_words(OpeningsView(is_known=False)) == "not known at the moment"
