"""An app of the company's own at a provider: how to register it, and the choice to connect through it."""
