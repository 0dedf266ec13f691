"""All behaviour of the product, without a user interface."""
