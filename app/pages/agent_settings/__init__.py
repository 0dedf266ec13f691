"""An agent's settings."""
