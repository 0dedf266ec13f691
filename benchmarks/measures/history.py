"""P7: conversation list, thread and search, from a small history to a large one, asked in turns."""

import time
from collections.abc import Callable, Mapping, Sequence

from benchmarks.bench import Bench
from benchmarks.figures import magnitude, median, ratios, spread
from benchmarks.histories import (
    COMMON_WORD,
    IN_EACH,
    RARE_WORD,
    SCARCE_WORD,
    History,
    quick_writes,
    write_history,
)
from benchmarks.report import Finding
from services.conversations import get_thread, list_conversations, search_conversations

_FIRST = 10_000
_STEP = 10
_CALLS = 30
_FLAT, _SEARCH_MS, _LARGE = 1.3, 100.0, 1_000_000


def measure(bench: Bench) -> list[Finding]:
    """Ask all sizes in turns."""
    sizes = _sizes(bench.plan.messages)
    histories: list[History] = []
    try:
        with quick_writes(bench.stage):
            for size in sizes:
                histories.append(write_history(bench.stage, size, before=histories[-1] if histories else None))
                bench.say(f"history: {size:,} messages are there")
        times = {name: _rounds(bench, histories, ask) for name, ask in _QUESTIONS.items()}
    finally:
        for history in histories:
            history.kernel.close()
    return [
        *(flat(name, sizes, times[name]) for name in times if not name.startswith("search")),
        *(quick(name, sizes, times[name]) for name in times if name.startswith("search")),
    ]


def _sizes(largest: int) -> list[int]:
    sizes = [min(_FIRST, largest)]
    while sizes[-1] < largest:
        sizes.append(min(sizes[-1] * _STEP, largest))
    return sizes


# What is asked


def _list(history: History) -> None:
    page = list_conversations(history.kernel, actor=history.large, agent_id=history.agent_id, state="all")
    assert len(page.items) == 50


def _thread(history: History) -> None:
    page = list_conversations(history.kernel, actor=history.large, agent_id=history.agent_id, state="all", limit=1)
    thread = get_thread(history.kernel, actor=history.large, conversation_id=page.items[0].id)
    assert len(thread.messages) == IN_EACH


def _deep(history: History) -> None:
    page = list_conversations(
        history.kernel, actor=history.large, agent_id=history.agent_id, state="all", cursor=history.deep
    )
    assert len(page.items) == 50


def _search(words: str, *, in_small: bool = False) -> Callable[[History], None]:
    def ask(history: History) -> None:
        actor = history.small if in_small else history.large
        page = search_conversations(history.kernel, actor=actor, words=words, state="all", limit=20)
        assert page.items

    return ask


def _of_all_agents(history: History) -> None:
    page = list_conversations(history.kernel, actor=history.large)
    assert len(page.items) == 50


_QUESTIONS: Mapping[str, Callable[[History], None]] = {
    "list": _list,
    "far down the list": _deep,
    "list of all agents": _of_all_agents,
    "thread": _thread,
    "search, common word": _search(COMMON_WORD),
    "search, rare word": _search(RARE_WORD),
    "search, word said ten times": _search(SCARCE_WORD),
    "search, common word, small company": _search(COMMON_WORD, in_small=True),
    "search, rare word, small company": _search(RARE_WORD, in_small=True),
}


# How quick it is


def _rounds(bench: Bench, histories: Sequence[History], ask: Callable[[History], None]) -> list[list[float]]:
    """Return for each history the median milliseconds of each round; histories take turns call by call."""
    for history in histories:
        ask(history)  # plans and pages are there from now on
    found: list[list[float]] = [[] for _ in histories]
    for _ in range(bench.plan.rounds):
        calls = [[_milliseconds(history, ask) for history in histories] for _ in range(_CALLS)]
        for times, taken in zip(found, zip(*calls, strict=True), strict=True):
            times.append(median(taken))
    return found


def _milliseconds(history: History, ask: Callable[[History], None]) -> float:
    began = time.perf_counter()
    ask(history)
    return (time.perf_counter() - began) * 1000


def flat(name: str, sizes: Sequence[int], times: Sequence[Sequence[float]]) -> Finding:
    """Hold the largest history against the smallest."""
    against = ratios(times[-1], times[0])
    ratio = median(against)
    return Finding(
        goal_id="P7",
        measure=f"Conversations: {name}, {sizes[-1]:,} messages against {sizes[0]:,}",
        goal=f"≤ {_FLAT:.1f}",
        result=f"{ratio:.2f}",
        met=ratio <= _FLAT,
        spread=spread(against),
        absolute=_each(times),
        rounds=len(against),
    )


def quick(name: str, sizes: Sequence[int], times: Sequence[Sequence[float]]) -> Finding:
    """Hold every large history to the goal: a plan may turn bad at one size and be good again at the next."""
    large = {size: each for size, each in zip(sizes, times, strict=True) if size >= min(_LARGE, sizes[-1])}
    slowest = max(large.values(), key=median)
    return Finding(
        goal_id="P7",
        measure=f"Conversations: {name}, newest 20 of {' and of '.join(f'{size:,}' for size in large)} messages",
        goal=f"≤ {_SEARCH_MS:.0f} ms",
        result=f"{median(slowest):.1f} ms",
        met=median(slowest) <= _SEARCH_MS,
        spread=spread(slowest, form=".1f", unit=" ms"),
        absolute=_each(times),
        rounds=len(slowest),
    )


def _each(times: Sequence[Sequence[float]]) -> str:
    return " → ".join(magnitude(median(each), " ms") for each in times)
