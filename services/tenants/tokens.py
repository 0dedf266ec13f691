"""Tokens for sessions, one-time links and API keys: 256 random bits, of which only the hash is stored."""

import hashlib

from services.kernel.ids import new_token
from services.kernel.secret import Secret

API_KEY_START = "pb_live_"
_SHOWN_CHARACTERS = len(API_KEY_START) + 4
_LONGEST_TOKEN = 128


def hash_token(token: str) -> str:
    """Return what is stored of a token. A plain hash will do: 256 random bits cannot be guessed or tabulated."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_plausible(token: str) -> bool:
    """Return whether a token is worth a look into the database."""
    return 0 < len(token) <= _LONGEST_TOKEN and token.isascii()


def new_secret_token() -> Secret:
    """Return a token for a session or a link."""
    return Secret(new_token())


def new_api_key() -> Secret:
    """Return a bearer key; its beginning tells secret scanners and people what it is."""
    return Secret(API_KEY_START + new_token())


def shown_part(key: Secret) -> str:
    """Return the first characters of an API key, to recognise it by."""
    return key.reveal()[:_SHOWN_CHARACTERS]
