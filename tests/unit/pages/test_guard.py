"""Every handler that a browser can call declares the right it needs."""

from reflex_base.registry import RegistrationContext

from app.app import app as pages
from app.page_table import WATCHES
from app.session.guard import FRAMEWORK, declared_permission
from services.tenants import Permission


def test_pages_that_watch_are_pages_and_their_handlers_are_guarded() -> None:
    routes = {f"/{route}" for route in pages._unevaluated_pages}  # pyright: ignore[reportPrivateUsage]
    for watch in WATCHES:
        assert watch.route in routes
        assert any(name.endswith(".on_live") and declared_permission(name) for name in _ours())


def _ours() -> list[str]:
    handlers = RegistrationContext.get().event_handlers
    return [name for name in handlers if "app___" in name and not name.endswith(".setvar")]


def test_every_handler_of_ours_declares_a_permission() -> None:
    assert _ours()
    assert [name for name in _ours() if declared_permission(name) is None] == []


def test_handlers_that_change_something_need_more_than_viewing() -> None:
    views = {Permission.AGENTS_VIEW, Permission.CONNECTIONS_VIEW, Permission.CONVERSATIONS_VIEW, Permission.TRACES_VIEW}
    may_view = {name.rsplit(".", 1)[1] for name in _ours() if declared_permission(name) in views}
    assert may_view == {
        "load", "on_live", "search", "choose_agent", "close", "close_form", "keep", "dismiss_banner", "show_more",
        "open_history", "show_only", "open_channels", "open_sender", "choose_end", "open_meeting",
        "refresh", "download",
    }  # fmt: skip


def test_what_reflex_needs_is_registered_under_the_names_the_guard_lets_pass() -> None:
    assert set(RegistrationContext.get().event_handlers) >= FRAMEWORK


def test_setters_and_unknown_events_have_no_permission() -> None:
    setters = [name for name in RegistrationContext.get().event_handlers if name.endswith(".setvar")]
    assert setters
    assert {declared_permission(name) for name in (*setters, "state.nothing", "")} == {None}
