"""One message, from the webhook to the receipt."""
