"""The four charts, each from the same numbers as its table."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.components.words import counted
from app.pages.analytics import scale, words
from app.pages.analytics.look import Look
from app.pages.analytics.shapes import Chart, Point, Series
from app.pages.analytics.sheet import Cell
from services.analytics import AnalyticsView, NumbersView


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a chart shows: the one place that its picture, its table and its file are made from."""

    title: str
    note: str
    kind: str
    series: tuple[Series, ...]
    values: Callable[[NumbersView], tuple[float | None, ...]]
    steps: Callable[[], Iterable[int]]
    axis: Callable[[int], str]
    headers: tuple[str, ...]
    cells: Callable[[NumbersView], tuple[str, ...]]
    said: Callable[[NumbersView], str]
    outcome: str
    """What the log of a point shows."""
    file_headers: tuple[str, ...]
    file_cells: Callable[[NumbersView], tuple[Cell, ...]]


def _percent(rate: float | None) -> float | None:
    return None if rate is None else 100 * rate


def _of_asked(part: int, whole: int, rate: float | None) -> str:
    return f"{words.percent(rate)}, {part:,} of {whole:,}" if whole else "nothing to answer"


def _times_said(numbers: NumbersView) -> str:
    if numbers.p50_ms is None:
        return "no answer"
    return f"half within {words.time_words(numbers.p50_ms)}, 95 of 100 within {words.time_words(numbers.p95_ms)}"


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "volume": Kind(
            title="Volume",
            note="Messages that contacts wrote to an agent, and those of them whose answer by the agent was sent.",
            kind="bars",
            series=(Series(name="Received", look="received"), Series(name="Answered", look="answered")),
            values=lambda numbers: (numbers.inbound, numbers.answered),
            steps=scale.counts,
            axis=words.short_count,
            headers=("Received", "Answered"),
            cells=lambda numbers: (f"{numbers.inbound:,}", f"{numbers.answered:,}"),
            said=lambda numbers: f"{counted(numbers.inbound, 'message')} received, {numbers.answered:,} answered",
            outcome="message",
            file_headers=("received", "answered"),
            file_cells=lambda numbers: (numbers.inbound, numbers.answered),
        ),
        "times": Kind(
            title="Answer time",
            note="From a message being stored to the agent's answer being sent.",
            kind="lines",
            series=(Series(name="Half within", look="p50"), Series(name="95 of 100 within", look="p95")),
            values=lambda numbers: (numbers.p50_ms, numbers.p95_ms),
            steps=scale.times,
            axis=words.round_time,
            headers=("Half within", "95 of 100"),
            cells=lambda numbers: (words.time_words(numbers.p50_ms), words.time_words(numbers.p95_ms)),
            said=_times_said,
            outcome="answered",
            file_headers=("p50_ms", "p95_ms"),
            file_cells=lambda numbers: (numbers.p50_ms, numbers.p95_ms),
        ),
        "failures": Kind(
            title="Failure rate",
            note="Of the messages that the agent was to answer: it could not, or its answer did not arrive, or nobody"
            " knows whether it did.",
            kind="bars",
            series=(Series(name="Failed", look="failed"),),
            values=lambda numbers: (_percent(numbers.failure_rate),),
            steps=scale.rates,
            axis=lambda value: f"{value} %",
            headers=("Failed", "Rate"),
            cells=lambda numbers: (f"{numbers.failed:,} of {numbers.asked:,}", words.percent(numbers.failure_rate)),
            said=lambda numbers: _of_asked(numbers.failed, numbers.asked, numbers.failure_rate),
            outcome="failed",
            file_headers=("failed", "to_answer", "failure_rate"),
            file_cells=lambda numbers: (numbers.failed, numbers.asked, numbers.failure_rate),
        ),
        "hand-overs": Kind(
            title="Hand-over rate",
            note="Of the messages that the agent was to answer: they led to a person being asked for.",
            kind="bars",
            series=(Series(name="Handed over", look="handed"),),
            values=lambda numbers: (_percent(numbers.hand_over_rate),),
            steps=scale.rates,
            axis=lambda value: f"{value} %",
            headers=("Handed over", "Rate"),
            cells=lambda numbers: (
                f"{numbers.handed_over:,} of {numbers.asked:,}",
                words.percent(numbers.hand_over_rate),
            ),
            said=lambda numbers: _of_asked(numbers.handed_over, numbers.asked, numbers.hand_over_rate),
            outcome="handed_over",
            file_headers=("handed_over", "to_answer", "hand_over_rate"),
            file_cells=lambda numbers: (numbers.handed_over, numbers.asked, numbers.hand_over_rate),
        ),
    }
)
"""Key → chart, in the order of the page."""


def charts_of(view: AnalyticsView, look: Look) -> tuple[Chart, ...]:
    """Return all charts of a period."""
    return tuple(_chart(key, kind, view, look) for key, kind in KINDS.items())


def _chart(key: str, kind: Kind, view: AnalyticsView, look: Look) -> Chart:
    values = [kind.values(bucket.numbers) for bucket in view.buckets]
    top, step = scale.top_of([value for some in values for value in some], kind.steps())
    return Chart(
        key=key,
        title=kind.title,
        note=kind.note,
        kind=kind.kind,
        series=kind.series,
        ticks=scale.ticks(top, step, kind.axis),
        headers=kind.headers,
        points=tuple(
            Point(
                heights=tuple(scale.height(value, top) for value in some),
                cells=kind.cells(bucket.numbers),
                said=kind.said(bucket.numbers),
            )
            for some, bucket in zip(values, view.buckets, strict=True)
        ),
        log=look.log(outcome=kind.outcome),
    )
