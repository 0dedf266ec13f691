"""The week as a grid: seven days with their hours, and above them what takes a day or more."""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.pages.calendar import layout, words
from app.pages.calendar.meetings import dates_of, is_bar, look_of, notes_of
from app.pages.calendar.shapes import Bar, Block, Day
from services.calendar import EventView

_TWO_LINES = 45
"""Minutes from which a meeting has room for its title and, below, its time."""


def week_of(
    events: Sequence[EventView], *, monday: date, zone: ZoneInfo, now: datetime, agent_name: str
) -> tuple[tuple[Day, ...], tuple[Bar, ...]]:
    """Return the seven days, and what stands above their hours."""
    days = layout.days_of(monday)
    today, minutes = layout.now_at(now, zone=zone)
    timed: dict[date, list[tuple[EventView, layout.Piece]]] = {day: [] for day in days}
    for event in events:
        for piece in () if is_bar(event) else layout.pieces_of(event.starts_at, event.ends_at, zone=zone):
            if piece.day in timed:
                timed[piece.day].append((event, piece))
    columns = tuple(
        Day(
            key=day.isoformat(),
            name=f"{day:%a}",
            number=str(day.day),
            label=words.day_words(day) + (", today" if day == today else ""),
            is_today=day == today,
            now=_percent(minutes, layout.DAY_MINUTES) if day == today else "",
            blocks=_blocks(timed[day], zone=zone, agent_name=agent_name),
        )
        for day in days
    )
    return columns, _bars(events, days=days, zone=zone, agent_name=agent_name)


def first_hour(days: Sequence[Day], *, usual: int = 7) -> int:
    """Return the hour a week is scrolled to: where work usually begins, or its first meeting if that is earlier.

    What goes on from the day before does not count.
    """
    tops = [float(block.top.rstrip("%")) for day in days for block in day.blocks]
    return int(min([usual, *(top * 24 / 100 for top in tops if top)]))


def _blocks(timed: Sequence[tuple[EventView, layout.Piece]], *, zone: ZoneInfo, agent_name: str) -> tuple[Block, ...]:
    in_order = sorted(timed, key=lambda item: (item[1].begin, -item[1].end, item[0].starts_at))
    places = layout.arrange([(piece.begin, piece.end) for _, piece in in_order])
    return tuple(
        Block(
            key=f"{event.id}-{piece.day}",
            event_id=str(event.id),
            title=words.title_of(event),
            time=words.clock_words(event, zone=zone, today=piece.day),
            notes=notes_of(event, agent_name),
            look=look_of(event) + (" short" if piece.end - piece.begin < _TWO_LINES else ""),
            top=_percent(piece.begin, layout.DAY_MINUTES),
            height=_percent(piece.end - piece.begin, layout.DAY_MINUTES),
            left=_percent(place.lane, place.lanes),
            width=_percent(place.span, place.lanes),
        )
        for (event, piece), place in zip(in_order, places, strict=True)
    )


def _bars(events: Sequence[EventView], *, days: Sequence[date], zone: ZoneInfo, agent_name: str) -> tuple[Bar, ...]:
    shown = [(event, layout.clipped(*dates_of(event, zone), days=days)) for event in events if is_bar(event)]
    spans = sorted(((event, span) for event, span in shown if span), key=lambda item: (item[1][0], -item[1][1]))
    places = layout.arrange([span for _, span in spans])
    return tuple(
        Bar(
            key=str(event.id),
            event_id=str(event.id),
            title=words.title_of(event),
            time=words.when_words(event, zone=zone),
            notes=notes_of(event, agent_name),
            look=look_of(event),
            # The first column holds the hours.
            column=f"{begin + 2} / {end + 2}",
            row=str(place.lane + 1),
        )
        for (event, (begin, end)), place in zip(spans, places, strict=True)
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.4f}%"
