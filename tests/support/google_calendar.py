"""Google's own client, on its bundled discovery document, pointed elsewhere."""

from collections.abc import Callable
from typing import Any, cast

from google.oauth2.credentials import Credentials
from googleapiclient import discovery

# Its methods are made at run time from the document; there is nothing to type.
_build = cast(Callable[..., Any], discovery.build)  # pyright: ignore[reportUnknownMemberType]


def google_calendar(base_url: str, access_token: str) -> Any:
    """Return a client of ``calendar:v3`` at the sandbox with this address."""
    return _build(
        "calendar",
        "v3",
        credentials=Credentials(access_token),
        client_options={"api_endpoint": f"{base_url}/google/calendar/v3/"},
        static_discovery=True,
        cache_discovery=False,
    )
