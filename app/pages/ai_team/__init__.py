"""The list of a tenant's AI agents."""
