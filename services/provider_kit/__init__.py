"""What a provider is: manifest, fields, auth and signature schemes, capabilities, registry."""
