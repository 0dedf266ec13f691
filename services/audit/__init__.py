"""The audit log: who did what to what, when."""

from services.audit.service import record

__all__ = ["record"]
