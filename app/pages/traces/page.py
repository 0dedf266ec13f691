"""One message, from the webhook to the receipt."""

import reflex as rx

from app import routes
from app.components.elements import bone, chip, could_not_load, link, loading, nothing
from app.components.scripted import copy_field, time_ago
from app.layouts.shell import Crumb, shell
from app.pages.traces.state import TraceState, TraceStep

STATUS_WORDS = {"ok": "done", "failed": "failed", "waiting": "waiting", "info": "note"}


def page() -> rx.Component:
    """Return the page ``/admin/traces/{trace_id}``."""
    return shell(
        rx.el.div(
            rx.el.div(
                rx.el.h1("Trace"),
                rx.el.p(rx.cond(TraceState.phase == "ready", TraceState.summary, "One message, step by step.")),
            ),
            rx.el.div(class_name="grow"),
            rx.cond(TraceState.phase == "ready", _outcome()),
            class_name="page-head",
        ),
        rx.match(
            TraceState.phase,
            ("ready", _trace()),
            (
                "missing",
                nothing(
                    "There is no such trace",
                    rx.el.p("It may have been deleted, or the address is incomplete."),
                    link("Back to the AI team", to=routes.TEAM, class_name="btn"),
                ),
            ),
            ("failed", could_not_load("The trace", TraceState.trouble, again=TraceState.load)),
            loading(rx.el.div(*(_bone_step() for _ in range(5)), class_name="card pad"), label="Loading the trace"),
        ),
        crumbs=(Crumb("AI team", routes.TEAM), Crumb("Trace")),
    )


def _outcome() -> rx.Component:
    return rx.cond(
        TraceState.failures > 0,
        chip(f"{TraceState.failures} failed", "broken"),
        rx.cond(TraceState.is_finished, chip("Done", "ok"), chip("Under way", "soon")),
    )


def _trace() -> rx.Component:
    return rx.el.div(
        rx.el.section(
            rx.el.ol(rx.foreach(TraceState.steps, _step), class_name="steps trace"),
            class_name="card",
            custom_attrs={"aria-label": "Steps"},
        ),
        rx.el.aside(
            rx.el.section(
                rx.el.h2("Facts"),
                rx.el.dl(
                    rx.cond(
                        TraceState.agent_path != "",
                        rx.fragment(
                            rx.el.dt("Agent"),
                            rx.el.dd(link(TraceState.agent_name, to=TraceState.agent_path, class_name="link")),
                        ),
                    ),
                    rx.el.dt("Took"),
                    rx.el.dd(TraceState.took, class_name="num"),
                    rx.el.dt("Steps"),
                    rx.el.dd(TraceState.steps.length(), class_name="num"),
                    class_name="facts flush",
                ),
                rx.cond(
                    TraceState.conversation_path != "",
                    rx.el.p(
                        link("Open the conversation", to=TraceState.conversation_path, class_name="link"),
                        style={"margin": "14px 0"},
                    ),
                ),
                rx.el.p(
                    link("Open in the delivery log", to=TraceState.log_path, class_name="link"),
                    style={"margin": "14px 0"},
                ),
                copy_field(label="Trace id", value=TraceState.id, help="Also in the logs of every process."),
            ),
            class_name="needs-col facts-col",
            custom_attrs={"aria-label": "Facts"},
        ),
        class_name="board",
    )


def _step(step: TraceStep) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.b(step.title),
            rx.el.span(" (", rx.match(step.status, *STATUS_WORDS.items(), "note"), ")", class_name="sr-only"),
            rx.cond(step.detail != "", rx.el.small(step.detail)),
            rx.cond(step.took != "", rx.el.small("took ", step.took, class_name="num")),
        ),
        rx.el.div(
            rx.el.span(step.offset, class_name="at"),
            rx.el.small(time_ago(at=step.at, mode="clock")),
            class_name="when",
        ),
        class_name=step.status,
    )


def _bone_step() -> rx.Component:
    return rx.el.div(bone("50%"), style={"padding": "14px 0"})
