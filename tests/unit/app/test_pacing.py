"""A burst of changes costs a tab two looks: the first change and the last."""

import asyncio

from app.pacing import Pacer


class Tab:
    """Looks when the test lets it."""

    def __init__(self) -> None:
        self.looks: list[str] = []
        self.may_go_on = asyncio.Event()
        self.looked = asyncio.Event()

    async def look(self, key: str, row_id: str) -> None:
        """Note what was told, and take as long as the test says."""
        self.looks.append(f"{key}:{row_id}")
        self.looked.set()
        await self.may_go_on.wait()


async def _look_at(tab: Tab) -> None:
    await asyncio.wait_for(tab.looked.wait(), 5)
    tab.looked.clear()


async def test_what_comes_while_a_tab_looks_is_told_as_one() -> None:
    tab = Tab()
    pacer = Pacer[str](tab.look, gap_seconds=0)
    pacer.note("a", "0")
    await _look_at(tab)
    for number in range(1, 100):
        pacer.note("a", str(number))
    tab.may_go_on.set()
    await _look_at(tab)
    assert tab.looks == ["a:0", "a:99"]


async def test_tabs_do_not_wait_for_one_another() -> None:
    tab = Tab()
    pacer = Pacer[str](tab.look, gap_seconds=0)
    pacer.note("a", "1")
    await _look_at(tab)
    pacer.note("b", "1")
    await _look_at(tab)
    assert tab.looks == ["a:1", "b:1"]


async def test_a_look_that_fails_costs_that_look_only() -> None:
    told: list[str] = []
    failed = asyncio.Event()
    done = asyncio.Event()

    async def look(_key: str, row_id: str) -> None:
        told.append(row_id)
        if row_id == "broken":
            failed.set()
            raise RuntimeError("the tab is gone")
        done.set()

    pacer = Pacer[str](look, gap_seconds=0)
    pacer.note("a", "broken")
    await asyncio.wait_for(failed.wait(), 5)
    await asyncio.sleep(0)
    pacer.note("a", "next")
    await asyncio.wait_for(done.wait(), 5)
    assert told == ["broken", "next"]
