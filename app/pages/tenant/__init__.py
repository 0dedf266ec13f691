"""The company: its name, and its end."""
