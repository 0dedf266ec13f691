"""Plays Slack, Twilio, Google, Resend and a model on loopback, at wire level: to try Patchbay without an account."""
