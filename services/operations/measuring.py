"""Reads what operators watch: how much work waits and for how long, what came up lately, who is at work."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from services.kernel.ids import lowest_id
from services.kernel.kernel import Kernel
from services.operations import repository
from services.operations.troubles import trouble_of
from services.operations.views import BOUNDS, Activity, CountView, DurationView, QueueView, Standing
from services.vault.repository import list_holders

LATELY = timedelta(minutes=5)
HEARD_SECONDS = 60.0
"""A process that has given no sign of life for so long counts as gone."""
_PATIENCE_SECONDS = 3.0


def measure(kernel: Kernel) -> Standing:
    """Read how the line stands.

    Raises:
        SQLAlchemyError: the database is away, or did not answer a statement within three seconds.
    """
    with kernel.unscoped_session("operations.measure") as session:
        repository.limit_time(session, seconds=_PATIENCE_SECONDS)
        holders = [holder.process for holder in list_holders(session, silent_seconds=HEARD_SECONDS)]
        return Standing(
            queues=tuple(_queue(row) for row in repository.count_open(session)),
            dead_letters=_counts(repository.count_dead_letters(session)),
            circuits=_counts(repository.count_circuits(session)),
            processes=count_kinds(holders),
        )


def measure_lately(kernel: Kernel) -> Activity:
    """Read what came up in the last five minutes.

    Raises:
        SQLAlchemyError: as above; with very much going on, a statement may take longer than that.
    """
    floor = lowest_id(kernel.clock.now() - LATELY)
    with kernel.unscoped_session("operations.measure_lately") as session:
        repository.limit_time(session, seconds=_PATIENCE_SECONDS)
        return Activity(
            deliveries=_counts(repository.count_deliveries(session, floor=floor)),
            messages=_counts(repository.count_messages(session, floor=floor)),
            failures=_failures(repository.count_failures(session, floor=floor)),
            processing=_durations(repository.measure_processing(session, floor=floor)),
            turns=_durations(repository.measure_turns(session, floor=floor)),
            sending=_durations(repository.measure_sending(session, floor=floor)),
            whole_way=_durations(repository.measure_whole_way(session, floor=floor)),
        )


def list_heard(kernel: Kernel) -> tuple[CountView, ...]:
    """Return how many processes of each kind have given a sign of life lately."""
    with kernel.unscoped_session("operations.list_processes") as session:
        repository.limit_time(session, seconds=_PATIENCE_SECONDS)
        return count_kinds(holder.process for holder in list_holders(session, silent_seconds=HEARD_SECONDS))


def count_kinds(processes: Iterable[str]) -> tuple[CountView, ...]:
    """Count processes by what they do; a name is ``worker (pid 7 on host)``."""
    kinds = Counter(name.partition(" ")[0] for name in processes)
    return tuple(CountView(words=(kind,), count=count) for kind, count in sorted(kinds.items()))


def _queue(row: repository.Values) -> QueueView:
    name, count, due, age = row
    return QueueView(name=name, open=count, due=due, oldest_seconds=float(age))


def _counts(rows: Iterable[repository.Values]) -> tuple[CountView, ...]:
    return tuple(CountView(words=tuple(str(word) for word in row[:-1]), count=row[-1]) for row in rows)


def _failures(rows: Iterable[repository.Values]) -> tuple[CountView, ...]:
    counts: Counter[tuple[str, ...]] = Counter()
    for subject, provider, error, code, count in rows:
        counts[subject, provider, trouble_of(error, code), error] += count
    return tuple(CountView(words=words, count=count) for words, count in sorted(counts.items()))


def _durations(rows: Iterable[repository.Values]) -> tuple[DurationView, ...]:
    counts: dict[str, list[int]] = {}
    sums: Counter[str] = Counter()
    for word, bucket, count, seconds in rows:
        counts.setdefault(word, [0] * (len(BOUNDS) + 1))[bucket] += count
        sums[word] += seconds
    return tuple(DurationView(word=word, counts=tuple(counts[word]), seconds=sums[word]) for word in counts)
