"""The playbook as loaded and saved; what is typed stays in the browser until then."""

from dataclasses import dataclass

import reflex as rx

from app.session.form import StoredForm
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import Steps, complain, route_id
from services.agents import PlaybookDraft, PlaybookEntryView, list_playbook, save_playbook
from services.kernel.errors import InvalidInput, PatchbayError
from services.tenants import Permission

MOST_ENTRIES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry, as the editor takes it."""

    id: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What the server refused, and in which field of which entry; index -1 for the whole."""

    index: int = -1
    field: str = ""
    message: str = ""


def entries_of(views: tuple[PlaybookEntryView, ...]) -> list[Entry]:
    """Return the entries for the editor."""
    return [Entry(id=str(view.id), question=view.question, answer=view.answer) for view in views]


def locate(error: InvalidInput) -> Problem:
    """Return where an error belongs: services name fields ``playbook.2.answer``."""
    parts = error.field.split(".")
    if len(parts) == 3 and parts[1].isdigit():
        return Problem(index=int(parts[1]), field=parts[2], message=error.message)
    return Problem(message=error.message)


class PlaybookState(StoredForm, rx.State):
    """An agent's playbook."""

    agent: str = ""
    entries: rx.Field[list[Entry]] = rx.field(default_factory=list)
    problem: Problem = Problem()
    phase: str = "loading"
    trouble: str = ""

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def load(self) -> None:
        """Read the entries."""
        try:
            agent_id = route_id(self, "agent_id")
            views = await in_thread(list_playbook, get_kernel(), actor=current_actor(), agent_id=agent_id)
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message
            return
        if str(agent_id) != self.agent:
            self.agent, self.problem = str(agent_id), Problem()
        self.entries = entries_of(tuple(views))
        self._draw(self.agent, self.entries)
        self.phase = "ready"

    @rx.event
    @guarded(Permission.AGENTS_EDIT)
    async def save(self, rows: list[dict[str, str]]) -> Steps:
        """Replace the entries by what was typed."""
        self.is_saving, self.problem = True, Problem()
        yield
        drafts = [
            PlaybookDraft(question=str(row.get("question", "")), answer=str(row.get("answer", "")))
            for row in rows[:MOST_ENTRIES]
        ]
        try:
            views = await in_thread(
                save_playbook,
                get_kernel(),
                actor=current_actor(),
                agent_id=route_id(self, "agent_id"),
                drafts=drafts,
            )
        except InvalidInput as error:
            self.problem = locate(error)
        except PatchbayError as error:
            yield complain(error)
        else:
            self.entries = entries_of(tuple(views))
            self.revision += 1
            yield rx.toast.success("Playbook saved.")
        finally:
            self.is_saving = False
