"""What an agent knows by heart."""
