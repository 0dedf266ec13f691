"""Analytics: what came in, what became of it, and how long answers took."""
