"""Which shared channels the agent answers in, and how: the dialog."""
