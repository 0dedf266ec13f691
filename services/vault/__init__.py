"""Keeps secrets: sealed with the tenant's own data key, bound to the row that holds them."""

from services.vault.service import create_data_key, reveal, seal

__all__ = ["create_data_key", "reveal", "seal"]
