"""What the pages compute, without a browser."""
