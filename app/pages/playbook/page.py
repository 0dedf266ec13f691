"""An agent's playbook."""

import reflex as rx

from app.components.elements import bone, could_not_load, loading, negated
from app.components.scripted import playbook_editor
from app.layouts.agent import agent_shell
from app.pages.playbook.state import PlaybookState
from app.session.state import SessionState

MAY_NOT_EDIT = "Your role may read the playbook, not change it. Ask an owner of your company."


def page() -> rx.Component:
    """Return the page ``/admin/ai-team/{agent_id}/playbook``."""
    return agent_shell(
        rx.el.div(
            rx.el.h2("Playbook", class_name="section-title"),
            rx.el.p(
                "Questions the agent can answer by itself, word for word. When nothing fits, it says that it passes the"
                " question on, and the conversation waits for a person.",
                class_name="section-note",
            ),
            rx.match(
                PlaybookState.phase,
                ("ready", _editor()),
                ("failed", could_not_load("The playbook", PlaybookState.trouble, again=PlaybookState.load)),
                loading(
                    bone("min(820px, 100%)", height="180px"),
                    rx.el.br(),
                    bone("min(820px, 100%)", height="180px"),
                    label="Loading the playbook",
                ),
            ),
            class_name="padded",
        ),
        tab="Playbook",
    )


def _editor() -> rx.Component:
    return playbook_editor(
        agent=PlaybookState.agent,
        entries=PlaybookState.entries,
        revision=PlaybookState.revision,
        problem=PlaybookState.problem,
        saving=PlaybookState.is_saving,
        read_only=negated(SessionState.may_edit_agents),
        reason=rx.cond(SessionState.may_edit_agents, "", MAY_NOT_EDIT),
        on_save=PlaybookState.save,
    )
