"""Analytics: volume, answer time, failures and hand-overs, by channel and by agent."""

from services.analytics.counting import JOB, count_hours
from services.analytics.outcome_repository import OUTCOMES
from services.analytics.periods import DEFAULT_SPAN, SPANS
from services.analytics.service import CHANNEL_NAMES, get_analytics
from services.analytics.views import AnalyticsView, BucketView, NumbersView, PartView

__all__ = [
    "CHANNEL_NAMES",
    "DEFAULT_SPAN",
    "JOB",
    "OUTCOMES",
    "SPANS",
    "AnalyticsView",
    "BucketView",
    "NumbersView",
    "PartView",
    "count_hours",
    "get_analytics",
]
