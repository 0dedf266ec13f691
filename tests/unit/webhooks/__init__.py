"""The delivery log without a database."""
