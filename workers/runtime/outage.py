"""Something that is away is reported once, and once more when it is back."""

from services.kernel.log import get_logger

log = get_logger(__name__)


class Outage:
    """Whether one dependency is away, as far as this process has noticed.

    Args:
        area: first part of the events, such as ``worker.redis``.
    """

    def __init__(self, area: str) -> None:
        self._area = area
        self._is_down = False

    def note_down(self, error: Exception) -> None:
        """Log the first failure; the error's text is left out because it may hold an address."""
        if not self._is_down:
            log.warning(f"{self._area}.went_away", error=type(error).__name__)
        self._is_down = True

    def note_up(self) -> None:
        """Log the first success after a failure."""
        if self._is_down:
            log.info(f"{self._area}.came_back")
        self._is_down = False
