"""When an agent does not answer a letter: machines, ourselves, and exchanges that run too fast (RFC 3834 §2)."""

from datetime import datetime, timedelta

from models import Connection, Conversation
from services.email import repository
from services.email.texts import address_line
from services.kernel.db import UnitOfWork
from services.provider_kit.contract import IncomingEmail, MessageReceived

LETTERS_PER_HOUR = 10
"""Most letters that agents write to one address, or in one conversation, within an hour."""
_WINDOW = timedelta(hours=1)
_MACHINES = frozenset(
    {
        *("mailer-daemon", "postmaster", "bounce", "bounces", "abuse", "root", "daemon"),
        *("no-reply", "noreply", "no_reply", "donotreply", "do-not-reply", "do_not_reply", "nicht-antworten"),
    }
)
"""Local parts of addresses at which nobody reads (RFC 2142, and habit)."""


def why_silent(
    work: UnitOfWork, *, connection: Connection, event: MessageReceived, conversation: Conversation, now: datetime
) -> str:
    """Return why an agent must not answer a letter, in words; empty if it may.

    Headers tell of honest machines. A machine that hides is stopped by the pace: nobody who reads and thinks gets
    ten answers an hour.
    """
    letter = event.email
    if letter is None:
        return ""
    if letter.automatic:
        return f"A machine's letter is not answered: {letter.automatic}"
    answered = _answered_address(letter)
    if _is_machine(answered):
        return f"Nobody reads at {answered}"
    if repository.is_own_address(work, [address_line(letter.from_address), answered]):
        return "It comes from one of our own addresses; agents do not answer each other"
    return _too_fast(work, connection, conversation, answered, now)


def _too_fast(work: UnitOfWork, connection: Connection, conversation: Conversation, address: str, now: datetime) -> str:
    since = now - _WINDOW
    if repository.count_agent_letters(work, connection.id, since=since, address=address) >= LETTERS_PER_HOUR:
        return f"Agents wrote {LETTERS_PER_HOUR} letters to {address} within an hour; a person has to go on"
    in_conversation = repository.count_agent_letters(work, connection.id, since=since, conversation_id=conversation.id)
    if in_conversation >= LETTERS_PER_HOUR:
        return f"The agent wrote {LETTERS_PER_HOUR} letters here within an hour; a person has to go on"
    return ""


def _answered_address(letter: IncomingEmail) -> str:
    """Return where an answer would go."""
    return address_line(letter.reply_to or letter.from_address)


def _is_machine(address: str) -> bool:
    local = address.rpartition("@")[0].partition("+")[0]
    return not local or local in _MACHINES
