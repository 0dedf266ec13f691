"""Slack: an agent answers direct messages and mentions, in a thread."""
