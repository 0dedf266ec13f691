"""Optional: tells an OpenTelemetry collector what each message's way was, step by step."""

from services.telemetry.following import Follower
from services.telemetry.spans import Span
from services.telemetry.telling import start

__all__ = ["Follower", "Span", "start"]
