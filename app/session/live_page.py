"""What pages have in common that read again when something has changed."""

import reflex as rx

from services.kernel.errors import PatchbayError


class LivePage(rx.State, mixin=True):
    """A page that is loading, ready or failed, and reads again while somebody looks at it."""

    phase: str = "loading"
    """``loading``, ``ready`` or ``failed``."""
    trouble: str = ""
    """Why it could not be read."""

    async def _read(self) -> None:
        """Read what the page shows, and say that it is ready."""
        raise NotImplementedError

    async def _read_again(self) -> None:
        """Read after the page has loaded; what it is about may be gone meanwhile, or never have been there."""
        try:
            await self._read()
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message

    async def _follow(self, row_id: str) -> None:
        """Read again because a row has changed, if there is something on the page that may have changed with it."""
        if self.phase == "ready" and row_id:
            await self._read_again()
