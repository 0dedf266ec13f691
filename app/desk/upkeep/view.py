"""What the dialogs about a connection's name, its agent and its end show, computed from the services' views."""

from dataclasses import dataclass

from app.components.words import counted
from app.desk.view import account_of, title_of
from services.connections import ConnectionView, Consequences


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The connection that is renamed, moved or deleted."""

    id: str
    title: str
    account: str
    name: str
    """The company's own name for it; empty if it goes by the account's."""
    account_name: str
    agent_id: str
    """Empty if it belongs to the whole company."""


NOTHING = Kept(id="", title="", account="", name="", account_name="", agent_id="")


def kept_of(connection: ConnectionView) -> Kept:
    """Return a connection as the dialogs show it."""
    own_name = connection.name if connection.name != connection.external_account_name else ""
    return Kept(
        id=str(connection.id),
        title=title_of(connection.category, connection.provider_name),
        account=account_of(connection),
        name=own_name,
        account_name=connection.external_account_name or connection.external_account_id,
        agent_id=str(connection.agent_id or ""),
    )


def changed_words(before: Kept, connection: ConnectionView) -> str:
    """Return what came of a change, for the person who made it."""
    after = kept_of(connection)
    said = [f"It is called {after.account} now."] if after.account != before.account else []
    if after.agent_id != before.agent_id:
        said.append(f"{after.title} belongs to {connection.agent_name or 'the whole company'} now.")
    return " ".join(said) or "Saved."


def deletion_effects(connection: ConnectionView, consequences: Consequences) -> tuple[str, ...]:
    """Return what the end of a disconnected connection takes along, counted, and what it leaves."""
    conversations, messages = consequences.conversations, consequences.messages
    opt_outs = ("Who has sent STOP to its numbers is forgotten too.",) if connection.category == "phone" else ()
    return (
        _history(conversations, messages) if conversations else "No conversations are left to delete.",
        *opt_outs,
        "Connecting the account again begins anew, with another id.",
        "The audit log stays.",
    )


def _history(conversations: int, messages: int) -> str:
    verb = "is" if conversations == 1 else "are"
    return f"{counted(conversations, 'conversation')} with {counted(messages, 'message')} {verb} deleted."
