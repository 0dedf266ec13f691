"""A calendar provider in memory, that nothing of ours is written for: what the sync must cope with, it does."""
