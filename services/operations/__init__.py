"""For operators: what the whole installation does, and whether it is set up as it must be."""

from services.operations.checks import judge
from services.operations.gathering import gather, require_durability
from services.operations.measuring import HEARD_SECONDS, LATELY, list_heard, measure, measure_lately
from services.operations.schema import expected_revision
from services.operations.self_test import SELF_TEST_PATH, answer_self_test
from services.operations.views import BOUNDS, Activity, CountView, DurationView, Finding, QueueView, Standing

__all__ = [
    "BOUNDS",
    "HEARD_SECONDS",
    "LATELY",
    "SELF_TEST_PATH",
    "Activity",
    "CountView",
    "DurationView",
    "Finding",
    "QueueView",
    "Standing",
    "answer_self_test",
    "expected_revision",
    "gather",
    "judge",
    "list_heard",
    "measure",
    "measure_lately",
    "require_durability",
]
