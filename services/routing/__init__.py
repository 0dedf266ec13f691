"""Which agent a message is for, and why."""

from services.routing.directory import Directory, read_directory
from services.routing.service import Route, route_message

__all__ = ["Directory", "Route", "read_directory", "route_message"]
