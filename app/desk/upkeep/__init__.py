"""What a connection is called, whose it is, and its end for good."""
