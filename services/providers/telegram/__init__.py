"""Telegram: an agent answers messages there."""
