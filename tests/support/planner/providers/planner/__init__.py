"""Calendars in memory as a provider."""
