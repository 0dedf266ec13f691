"""Which origins a browser may come from."""

from services.kernel.settings import Settings


def allowed_origins(settings: Settings) -> list[str]:
    """Return the origins that may open the socket and call the API with a cookie.

    In development the loopback by its two names is among them, so that a tunnel as the public address does not
    lock out the person in front of the machine.
    """
    origins = [settings.public_url]
    if settings.env == "development":
        origins += [f"http://{host}:{settings.port}" for host in ("127.0.0.1", "localhost")]
    return list(dict.fromkeys(origins))
