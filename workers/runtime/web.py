"""The web processes: uvicorn around the ASGI factories of ``app``, which are named as text and never imported here."""

import os

import uvicorn

from services.kernel.errors import ConfigurationError
from services.kernel.settings import Settings
from workers.runtime import pages
from workers.runtime.supervisor import ROOT

_LARGEST_SOCKET_MESSAGE = 1_000_000
_GRACE_SECONDS = 3


def run(settings: Settings, *, only_webhooks: bool) -> None:
    """Serve pages, API and webhooks until SIGTERM; or the webhook line alone, at its own port if that is set.

    Raises:
        ConfigurationError: the pages have not been built.
    """
    if only_webhooks:
        port = settings.webhooks_port or settings.port
        _serve("app.asgi:create_webhooks_only", host=settings.host, port=port)
        return
    if not pages.exist(ROOT):
        raise ConfigurationError("The pages have not been built. Run `make run`, or `patchbay run`, which builds them.")
    # Reflex looks for rxconfig.py and .web in the working folder, hence the absolute data folder. The names with
    # two underscores are internal to Reflex 0.10.1: serve what was built, compile nothing.
    data_dir = settings.data_dir.absolute()
    os.chdir(ROOT)
    os.environ.update(
        {
            "PATCHBAY_DATA_DIR": str(data_dir),
            "REFLEX_ENV_MODE": "prod",
            "__REFLEX_SKIP_COMPILE": "true",
            "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "true",
            "REFLEX_TELEMETRY_ENABLED": "false",
            "REFLEX_DIR": str(ROOT / ".web" / ".reflex"),
            # The embedded Redis refuses CONFIG; what Reflex would set there is set when it starts.
            "REFLEX_IGNORE_REDIS_CONFIG_ERROR": "true",
            # A tab whose connection hangs half open loses its state only at the timeout: find out sooner.
            "REFLEX_SOCKET_INTERVAL": "20",
            "REFLEX_SOCKET_TIMEOUT": "20",
        }
    )
    _serve("app.asgi:create", host=settings.host, port=settings.port)


def run_sandbox(settings: Settings) -> None:
    """Serve the sandbox on the loopback until SIGTERM.

    Raises:
        ConfigurationError: the sandbox is switched off.
    """
    if not settings.sandbox:
        raise ConfigurationError("The sandbox is switched off. Set PATCHBAY_SANDBOX=1 to play the providers here.")
    _serve("app.sandbox.asgi:create", host="127.0.0.1", port=settings.sandbox_port)


def _serve(factory: str, *, host: str, port: int) -> None:
    uvicorn.run(
        factory,
        factory=True,
        host=host,
        port=port,
        http="httptools",
        loop="uvloop",
        ws_max_size=_LARGEST_SOCKET_MESSAGE,
        log_config=None,
        log_level="warning",  # start and stop are told by the supervisor
        access_log=False,  # it would write query strings; app.edge keeps the log
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
