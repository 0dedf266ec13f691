"""The guard in front of every event, on a real database."""
