"""An agent's conversations."""
