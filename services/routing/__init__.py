"""Which agent a message is for, and why."""

from services.routing.service import Route, route_message

__all__ = ["Route", "route_message"]
