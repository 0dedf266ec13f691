"""Health as a forecast: what is broken or about to be, since when, what it stops, and the one act that repairs it."""

from services.health.notices import send_notice
from services.health.observing import observe, request_observation
from services.health.service import get_health, list_findings, list_overview, summarise
from services.health.targets import (
    add_notice_target,
    delete_notice_target,
    list_notice_targets,
    send_test_notice,
)
from services.health.views import (
    FilterOption,
    FindingView,
    HealthSummary,
    NoticeTargetView,
    OverviewRow,
    OverviewView,
    RepairView,
    TestNoticeView,
)

__all__ = [
    "FilterOption",
    "FindingView",
    "HealthSummary",
    "NoticeTargetView",
    "OverviewRow",
    "OverviewView",
    "RepairView",
    "TestNoticeView",
    "add_notice_target",
    "delete_notice_target",
    "get_health",
    "list_findings",
    "list_notice_targets",
    "list_overview",
    "observe",
    "request_observation",
    "send_notice",
    "send_test_notice",
    "summarise",
]
