"""What the analytics page shows, computed from the service's view."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from app.components.words import counted
from app.pages.analytics import words
from app.pages.analytics.charts import KINDS
from app.pages.analytics.look import Look, between
from app.pages.analytics.shapes import Figure, Moment, Part, Pill
from app.pages.analytics.sheet import Cell, csv_of
from services.analytics import CHANNEL_NAMES, SPANS, AnalyticsView, BucketView, NumbersView, PartView

SPAN_NAMES = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
PART_HEADERS = ("Received", "Answered", "Half within", "95 of 100", "Failed", "Handed over")
_FILE_HEADERS = ("received", "answered", "p50_ms", "p95_ms", "to_answer", "failed", "handed_over")


def span_pills(look: Look) -> list[Pill]:
    """Return the spans of time to choose from."""
    return [
        Pill(name=SPAN_NAMES[span], path=replace(look, span=span).path(), is_current=look.span == span)
        for span in SPANS
    ]


def channel_pills(look: Look) -> list[Pill]:
    """Return the channels to choose from."""
    names = {"": "All channels", **CHANNEL_NAMES}
    return [
        Pill(name=name, path=replace(look, channel=channel).path(), is_current=look.channel == channel)
        for channel, name in names.items()
    ]


def figures(view: AnalyticsView) -> tuple[Figure, ...]:
    """Return the period's numbers, each against the period before."""
    now, before = view.total.numbers, view.before.numbers
    return (
        Figure(
            title="Received",
            value=f"{now.inbound:,}",
            note=f"{now.answered:,} answered, {now.asked:,} to answer",
            change=words.grown(now.inbound, before.inbound),
        ),
        Figure(
            title="Answer time",
            value=words.time_words(now.p50_ms),
            note="no answer" if now.p95_ms is None else f"95 of 100 within {words.time_words(now.p95_ms)}",
            change=words.moved_time(now.p50_ms, before.p50_ms),
        ),
        Figure(
            title="Failure rate",
            value=words.percent(now.failure_rate),
            note=f"{now.failed:,} of {now.asked:,}",
            change=words.moved_rate(now.failure_rate, before.failure_rate),
        ),
        Figure(
            title="Hand-over rate",
            value=words.percent(now.hand_over_rate),
            note=f"{now.handed_over:,} of {now.asked:,}",
            change=words.moved_rate(now.hand_over_rate, before.hand_over_rate),
        ),
    )


def moments(view: AnalyticsView) -> tuple[Moment, ...]:
    """Return the period's hours or days."""
    zone, count = ZoneInfo(view.time_zone), len(view.buckets)
    return tuple(
        Moment(
            label=words.label(bucket, unit=view.unit, zone=zone, now=view.as_of),
            tick=words.tick(place, count, bucket, unit=view.unit, zone=zone),
            query=between(bucket.since, bucket.until),
        )
        for place, bucket in enumerate(view.buckets)
    )


def channel_parts(view: AnalyticsView, look: Look) -> tuple[Part, ...]:
    """Return what each channel had of it."""
    return tuple(_part(item, replace(look, channel=item.key), view.total) for item in view.by_channel)


def agent_parts(view: AnalyticsView, look: Look) -> tuple[Part, ...]:
    """Return what each agent had of it."""
    return tuple(_part(item, replace(look, agent=item.key), view.total) for item in view.by_agent)


def dead_letters(view: AnalyticsView) -> tuple[str, str]:
    """Return how many requests could not be processed, in words, and their log; both empty for none."""
    if not view.dead_letters:
        return "", ""
    sentence = f"{counted(view.dead_letters, 'request')} could not be processed, and count for no agent."
    return sentence, Look().log(state="dead") + between(view.total.since, view.total.until)


def zone_note(view: AnalyticsView) -> str:
    """Return whose hours and days these are, and what they are compared with."""
    before = words.before_words(view.before, zone=ZoneInfo(view.time_zone))
    return f"Times in {view.time_zone}. Compared with {before}."


def sheet_of(key: str, view: AnalyticsView) -> str | None:
    """Return a table as a file's text; None if there is no such table.

    Args:
        key: a chart's, ``channels`` or ``agents``.
        view: the period.
    """
    if key in KINDS:
        kind = KINDS[key]
        rows = ((*_times(bucket, view), *kind.file_cells(bucket.numbers)) for bucket in view.buckets)
        return csv_of(("from", "until", *kind.file_headers), rows)
    parts = {"channels": view.by_channel, "agents": view.by_agent}.get(key)
    return None if parts is None else csv_of((key.removesuffix("s"), *_FILE_HEADERS), _part_rows(parts))


def _part_rows(parts: Sequence[PartView]) -> Iterable[tuple[Cell, ...]]:
    for part in parts:
        found = part.numbers
        counts = (found.inbound, found.answered, found.p50_ms, found.p95_ms)
        yield part.name, *counts, found.asked, found.failed, found.handed_over


def _times(bucket: BucketView, view: AnalyticsView) -> tuple[str, str]:
    zone = ZoneInfo(view.time_zone)
    return bucket.since.astimezone(zone).isoformat(), bucket.until.astimezone(zone).isoformat()


def _part(item: PartView, look: Look, total: BucketView) -> Part:
    return Part(
        name=item.name,
        path=look.path(),
        log=look.log(outcome="message") + between(total.since, total.until),
        cells=_cells(item.numbers),
    )


def _cells(numbers: NumbersView) -> tuple[str, ...]:
    return (
        f"{numbers.inbound:,}",
        f"{numbers.answered:,}",
        words.time_words(numbers.p50_ms),
        words.time_words(numbers.p95_ms),
        words.percent(numbers.failure_rate),
        words.percent(numbers.hand_over_rate),
    )
