"""Telegram's own tests; what all providers promise is tested in tests/conformance."""
