"""The inbox: requests in, deliveries stored, processed, swept and listed."""

from services.webhooks.processing import process_delivery
from services.webhooks.service import get_delivery, list_deliveries
from services.webhooks.views import DeliveryView

__all__ = ["DeliveryView", "get_delivery", "list_deliveries", "process_delivery"]
