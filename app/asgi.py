"""The composition root of the web process: settings, kernel, routes and pages become one ASGI application."""

import atexit
import gc
import sys

from app.edge import AsgiApp, Edge
from app.http.probes import create_probe_app
from app.http.webhooks import PREFIX, create_webhook_app
from services.kernel.kernel import Kernel, build_kernel
from services.kernel.settings import Settings
from services.operations import require_durability
from services.vault import hold_keys

_SWITCH_SECONDS = 0.0005


def create() -> AsgiApp:
    """Build everything that the web process serves; what the server calls.

    Raises:
        ConfigurationError: a database, Redis or key is missing, the key is not the database's, or the database
            forgets in a power cut what it has acknowledged.
    """
    settings = Settings()
    kernel = _build_kernel(settings, process="web")
    return _ready(Edge(settings, webhooks=create_webhook_app(kernel), webhook_prefix=PREFIX, pages=_pages(kernel)))


def create_webhooks_only() -> AsgiApp:
    """Build the webhook line alone, with its probes, for a process of its own; no page framework is loaded.

    Raises:
        ConfigurationError: a database, Redis or key is missing, the key is not the database's, or the database
            forgets in a power cut what it has acknowledged.
    """
    settings = Settings()
    kernel = _build_kernel(settings, process="webhooks")
    probes = create_probe_app(kernel)
    return _ready(Edge(settings, webhooks=create_webhook_app(kernel), webhook_prefix=PREFIX, pages=probes))


def _ready(application: AsgiApp) -> AsgiApp:
    """Keep Python from holding requests up.

    The garbage collector need not look through what has been loaded, as it stays; and a thread lets the event loop
    go on after half a millisecond, in place of five.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_SECONDS)
    return application


def _build_kernel(settings: Settings, *, process: str) -> Kernel:
    kernel = build_kernel(settings)
    require_durability(kernel)
    # At the end of the process and not of the server: that one knows nothing of keys.
    atexit.register(hold_keys(kernel, process=process).stop)
    return kernel


def _pages(kernel: Kernel) -> AsgiApp:
    # Imported here: the webhook line alone does not pay for Reflex.
    from app.app import app
    from app.http.api import create_http_app
    from app.live import register_live
    from app.page_table import WATCHES
    from app.session.kernel import set_kernel

    set_kernel(kernel)
    register_live(app, kernel, watches=WATCHES)
    app.api_transformer = create_http_app(kernel)
    return app()
