"""The pure parts of a connection's life."""

from datetime import UTC, datetime, timedelta

from models import ConnectionStatus
from services.connections.life import next_check_at

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_checks_are_hourly_give_or_take_a_tenth() -> None:
    assert next_check_at(ConnectionStatus.ACTIVE, now=NOW, jitter=0) == NOW + timedelta(hours=1)
    assert next_check_at(ConnectionStatus.ACTIVE, now=NOW, jitter=-1) == NOW + timedelta(minutes=54)
    assert next_check_at(ConnectionStatus.ACTIVE, now=NOW, jitter=1) == NOW + timedelta(minutes=66)
    drawn = {next_check_at(ConnectionStatus.ACTIVE, now=NOW) for _ in range(20)}
    assert len(drawn) > 1
    assert all(time and timedelta(minutes=54) <= time - NOW <= timedelta(minutes=66) for time in drawn)


def test_a_degraded_connection_is_looked_at_sooner_and_one_out_of_use_never() -> None:
    assert next_check_at(ConnectionStatus.DEGRADED, now=NOW, jitter=0) == NOW + timedelta(minutes=5)
    for status in ConnectionStatus:
        if status not in (ConnectionStatus.ACTIVE, ConnectionStatus.DEGRADED):
            assert next_check_at(status, now=NOW) is None
