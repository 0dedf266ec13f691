"""Visits to pages: a dialog lasts as long as the visit in which it was opened.

A page reads again whenever its socket comes back, and on the way to it one can be quicker than its first reading. So
a reading closes no dialog by itself: it closes one that was left behind on another visit, or whose subject is gone.
"""

from dataclasses import dataclass

import reflex as rx

_WALK = ("connected", "refused", "attempt")
"""What a walk to a consent page leaves in the address it comes back to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a tab is."""

    path: str = ""
    walk: str = ""
    """How a walk to a consent page ended; empty if nobody came back from one."""

    def goes_on_at(self, other: "Place") -> bool:
        """Return whether going there is no new visit: the same page, and nobody came back to it meanwhile."""
        return other.path == self.path and other.walk in ("", self.walk)


def place_of(state: rx.State) -> Place:
    """Return where the tab is that sent an event."""
    asked = state.router.url.query_parameters
    walk = "&".join(f"{name}={asked[name]}" for name in _WALK if asked.get(name))
    return Place(path=str(state.router.url.path).rstrip("/"), walk=walk)


class VisitState(rx.State):
    """Counts the visits of a tab."""

    _place: Place = Place()
    _number: int = 0

    def _arrive(self) -> None:
        """Note that a page reads what it shows."""
        place = place_of(self)
        self._number = self._number_at(place)
        self._place = place

    def _number_at(self, place: Place) -> int:
        """Return the visit that an event from a place belongs to; it may come before the page's own first event."""
        return self._number if self._place.goes_on_at(place) else self._number + 1


async def visit_of(state: rx.State) -> int:
    """Return the number of the visit that the event belongs to."""
    visits = await state.get_state(VisitState)
    return visits._number_at(place_of(state))  # pyright: ignore[reportPrivateUsage]


async def arrive(state: rx.State) -> None:
    """Note that the page whose event this is reads what it shows."""
    visits = await state.get_state(VisitState)
    visits._arrive()  # pyright: ignore[reportPrivateUsage]


class Visited(rx.State, mixin=True):
    """A state that holds things which last as long as a visit: open dialogs, and what was said about a form."""

    _visit: int = 0

    async def _note_visit(self) -> None:
        """Note that such a thing was begun in this visit."""
        self._visit = await visit_of(self)

    async def _is_new_visit(self) -> bool:
        """Return whether all such things were begun on other visits, and note this one."""
        before = self._visit
        await self._note_visit()
        return before != self._visit
