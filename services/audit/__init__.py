"""The audit log: who did what to what, when."""

from services.audit.service import Detail, record

__all__ = ["Detail", "record"]
