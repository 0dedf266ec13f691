"""Turns: an agent answers one message, one at a time per conversation, in order."""

from services.turns.draining import drain_turns
from services.turns.rehearsing import add_rehearsals, run_rehearsal
from services.turns.service import add_turn, run_turns

__all__ = ["add_rehearsals", "add_turn", "drain_turns", "run_rehearsal", "run_turns"]
