"""From which address an agent writes: the dialog."""
