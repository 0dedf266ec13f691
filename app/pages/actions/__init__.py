"""What an agent may do through its connections, what waits for a person, and what it did."""
