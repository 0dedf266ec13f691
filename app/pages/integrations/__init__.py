"""An agent's connections."""
