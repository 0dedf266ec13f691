"""Twilio: an agent answers text messages on the tenant's phone numbers."""
