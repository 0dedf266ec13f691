"""The measures, each in a module of its own."""
