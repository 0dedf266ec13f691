"""Turns: an agent answers one message, one at a time per conversation, in order."""

from services.turns.answering import drain_turns, run_due
from services.turns.rehearsing import add_rehearsals, run_rehearsal
from services.turns.service import add_turn, store_turns

__all__ = ["add_rehearsals", "add_turn", "drain_turns", "run_due", "run_rehearsal", "store_turns"]
