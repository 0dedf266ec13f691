"""What pages have in common whose form shows what is stored; what is typed stays in the browser until it is sent."""

from collections.abc import Callable
from typing import TypeVar

import reflex as rx

from app.session.kernel import in_thread
from app.session.state import Steps, complain
from app.session.visits import Visited
from services.kernel.errors import InvalidInput, PatchbayError

Saved = TypeVar("Saved")


class StoredForm(Visited, mixin=True):
    """A form that is drawn anew, without what was typed, whenever ``revision`` changes."""

    revision: int = 0
    is_saving: bool = False
    wrong_field: str = ""
    wrong_text: str = ""
    _stored: str = ""

    async def _begin(self) -> None:
        """Forget what was wrong with the form on another visit."""
        if await self._is_new_visit():
            self.wrong_field = self.wrong_text = ""

    def _draw(self, *stored: object) -> None:
        """Draw the form anew if it begins with something else than before.

        A page reads again whenever its socket comes back; what somebody is typing must not be lost then.
        """
        begins_with = repr(stored)
        if begins_with != self._stored:
            self._stored = begins_with
            self.revision += 1

    async def _save(
        self, save: Callable[[], Saved], show: Callable[[Saved], None], *, field_of: Callable[[InvalidInput], str]
    ) -> Steps:
        """Save what was typed, and show what is stored then; say beside the field what is wrong with it."""
        await self._note_visit()
        self.is_saving, self.wrong_field, self.wrong_text = True, "", ""
        yield
        try:
            saved = await in_thread(save)
        except InvalidInput as error:
            self.wrong_field, self.wrong_text = field_of(error), error.message
        except PatchbayError as error:
            yield complain(error)
        else:
            show(saved)
            self.revision += 1
            yield rx.toast.success("Saved.")
        finally:
            self.is_saving = False
