"""The inbox: requests in, deliveries stored, processed, swept, listed, replayed and, after their time, pruned."""

from services.webhooks.bodies import reveal_body
from services.webhooks.filters import STATES, UNSENT, DeliveryFilter
from services.webhooks.line import work_along
from services.webhooks.processing import drain_deliveries
from services.webhooks.pruning import prune_deliveries
from services.webhooks.reconciling import reconcile_connection
from services.webhooks.replaying import MAY_DOUBLE, replay
from services.webhooks.service import (
    MOST_COUNTED,
    count_newer,
    get_delivery,
    list_deliveries,
    list_groups,
    list_refused,
)
from services.webhooks.views import (
    BodyView,
    DeliveryDetailView,
    DeliveryGroupView,
    DeliveryView,
    RefusedView,
    ReplayView,
)

__all__ = [
    "MAY_DOUBLE",
    "MOST_COUNTED",
    "STATES",
    "UNSENT",
    "BodyView",
    "DeliveryDetailView",
    "DeliveryFilter",
    "DeliveryGroupView",
    "DeliveryView",
    "RefusedView",
    "ReplayView",
    "count_newer",
    "drain_deliveries",
    "get_delivery",
    "list_deliveries",
    "list_groups",
    "list_refused",
    "prune_deliveries",
    "reconcile_connection",
    "replay",
    "reveal_body",
    "work_along",
]
