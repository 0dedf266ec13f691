"""Which tabs of which tenant this process serves, and what page each shows; for live updates."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Tab:
    """An open tab: Reflex's token for it, and the route it shows."""

    token: str
    route: str


class Tabs:
    """The process's tabs by tenant. Used from one event loop only."""

    def __init__(self) -> None:
        self._routes: dict[UUID, dict[str, str]] = {}

    def join(self, tenant_id: UUID, *, token: str, route: str) -> None:
        """Note that a tab shows a page; it belongs to one tenant at a time."""
        for tenant, tabs in self._routes.items():
            if tenant != tenant_id:
                tabs.pop(token, None)
        self._routes.setdefault(tenant_id, {})[token] = route

    def of(self, tenant_id: UUID) -> tuple[Tab, ...]:
        """Return the tenant's tabs."""
        return tuple(Tab(token, route) for token, route in self._routes.get(tenant_id, {}).items())

    def keep_only(self, connected: Iterable[str]) -> None:
        """Forget tabs that are gone."""
        alive = set(connected)
        for tenant_id in list(self._routes):
            kept = {token: route for token, route in self._routes[tenant_id].items() if token in alive}
            if kept:
                self._routes[tenant_id] = kept
            else:
                del self._routes[tenant_id]


TABS = Tabs()
