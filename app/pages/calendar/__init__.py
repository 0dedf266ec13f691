"""An agent's calendar: its week, what it booked, and whether it is told of changes."""
