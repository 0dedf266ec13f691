"""What is done again and again, whether anything happens or not: names are asked for anew, old exchanges put away."""

from services.errands.archiving import archive_conversations
from services.errands.schedule import ERRANDS, Errand, run_due

__all__ = ["ERRANDS", "Errand", "archive_conversations", "run_due"]
