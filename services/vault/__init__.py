"""Keeps secrets: sealed with the tenant's own data keys, bound to the rows that hold them; and exchanges those keys."""

from services.vault.holders import Heartbeat
from services.vault.owners import destroy_retired_keys, list_key_status, revert_rotation, start_rotation
from services.vault.ring import hold_keys, list_processes, list_tenant_names, require_usable_keys, rewrap_keys
from services.vault.service import create_data_key, destroy_all_keys, reveal, seal
from services.vault.steps import Progress, resume_rotation, run_rotation
from services.vault.views import KeyStatusView, KeyView, OpeningsView, ProcessView, RewrapView, RotationView

__all__ = [
    "Heartbeat",
    "KeyStatusView",
    "KeyView",
    "OpeningsView",
    "ProcessView",
    "Progress",
    "RewrapView",
    "RotationView",
    "create_data_key",
    "destroy_all_keys",
    "destroy_retired_keys",
    "hold_keys",
    "list_key_status",
    "list_processes",
    "list_tenant_names",
    "require_usable_keys",
    "resume_rotation",
    "reveal",
    "revert_rotation",
    "rewrap_keys",
    "run_rotation",
    "seal",
    "start_rotation",
]
