"""The sandbox, held against the providers' own SDKs."""
