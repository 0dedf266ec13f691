"""The company's keys: what seals its secrets, and how a key is replaced."""
