"""The delivery log."""
