"""The page for addresses that lead nowhere."""
