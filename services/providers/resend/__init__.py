"""Resend: an agent reads and answers e-mail on the tenant's domain."""
