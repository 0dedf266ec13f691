"""The session cookie's name, shared by the routes that set it and the pages that read it."""

from services.kernel.settings import Settings


def session_cookie_name(settings: Settings) -> str:
    """Return the cookie's name; ``__Host-`` pins it to https and this very host (RFC 6265bis §4.1.3.2)."""
    return "__Host-patchbay" if settings.secure_cookies else "patchbay"


def read_session_token(settings: Settings, cookie_header: str) -> str:
    """Return the session token in a ``Cookie`` header; empty if there is none."""
    name = session_cookie_name(settings)
    for pair in cookie_header.split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return value.strip('"')
    return ""
