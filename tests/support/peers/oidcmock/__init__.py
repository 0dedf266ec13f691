"""``oidc-provider-mock`` from PyPI as a provider: a plain OAuth 2 server with refresh tokens."""
