"""Follows the rows of the line as they come up, and tells each one's spans once it is over."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlmodel import Session

from services.kernel.ids import lowest_id
from services.kernel.kernel import Kernel
from services.telemetry import repository
from services.telemetry.repository import Key, Kind
from services.telemetry.spans import Row, Span, is_over, spans_of

OVERLAP = timedelta(seconds=30)
"""How long after its id was made a row may still be committed."""
MOST_NEW = 5_000
"""Of one kind, at a time; what is beyond is read the next time."""
MOST_OPEN = 20_000
"""Of one kind; beyond that the oldest are followed no further."""
_PATIENCE_SECONDS = 3.0


class _Track:
    """What has been read of one kind of rows."""

    def __init__(self, floor: UUID) -> None:
        self.floor = floor
        self.open: dict[UUID, Key] = {}
        self.told: set[UUID] = set()

    def note(self, row: Row) -> bool:
        """Return whether a row is to be told of now."""
        if row.id in self.told:
            return False
        if not is_over(row):
            self.open[row.id] = (row.tenant_id, row.id)
            return False
        self.open.pop(row.id, None)
        self.told.add(row.id)
        return True

    def forget(self, floor: UUID) -> None:
        """Go on from a floor: what is below is read no more, unless it is open."""
        self.floor = floor
        self.told = {row_id for row_id in self.told if row_id >= floor}
        while len(self.open) > MOST_OPEN:
            del self.open[next(iter(self.open))]


class Follower:
    """Reads what has come up since the last time, and what was open then.

    It begins with now: what was over before is not told. Rows are read by their primary keys; nothing is written.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        floor = lowest_id(kernel.clock.now())
        self._tracks: dict[Kind, _Track] = {kind: _Track(floor) for kind in repository.KINDS}

    def read(self) -> list[Span]:
        """Return the spans of what has ended.

        Raises:
            OperationalError: the database is away.
        """
        now = self._kernel.clock.now()
        with self._kernel.unscoped_session("telemetry.follow", patience_seconds=_PATIENCE_SECONDS) as session:
            return [span for kind in self._tracks for row in self._ended(session, kind, now) for span in spans_of(row)]

    def _ended(self, session: Session, kind: Kind, now: datetime) -> list[Row]:
        track = self._tracks[kind]
        known = repository.list_known(session, kind, list(track.open.values()))
        new = repository.list_new(session, kind, floor=track.floor, limit=MOST_NEW)
        ended = [row for row in (*known, *new) if track.note(row)]
        is_behind = len(new) == MOST_NEW
        track.forget(lowest_id((_made_at(new[-1].id) if is_behind else now) - OVERLAP))
        return ended


def _made_at(row_id: UUID) -> datetime:
    return datetime.fromtimestamp((row_id.int >> 80) / 1000, UTC)
