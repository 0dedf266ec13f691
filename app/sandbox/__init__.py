"""Plays Slack, Twilio and a model on loopback, at wire level: Patchbay can be tried and tested without an account."""
