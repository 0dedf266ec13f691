"""What every provider promises, run over all of them."""
