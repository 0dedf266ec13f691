"""Turns: an agent answers one message, one at a time per conversation, in order."""

from services.turns.service import add_turn, run_turns

__all__ = ["add_turn", "run_turns"]
