"""Reflex's configuration, from our settings."""

import reflex as rx

from app.origins import allowed_origins
from app.same_origin import SameOriginPlugin
from services.kernel.settings import Settings

settings = Settings()

config = rx.Config(
    app_name="app",
    redis_url=settings.redis_url or None,
    # The default lets any page on the web open the socket with the visitor's cookie.
    cors_allowed_origins=allowed_origins(settings),
    telemetry_enabled=False,
    show_built_with_reflex=False,
    frontend_compression_formats=["brotli", "gzip"],
    plugins=[SameOriginPlugin()],
    # Every page is behind the sign-in: there is nothing to list for search engines.
    disable_plugins=[rx.plugins.SitemapPlugin],
)
