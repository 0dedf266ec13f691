"""Finds the providers: every folder of ``services.providers`` is one, and nothing else names them.

Listing imports only the manifests. A provider's other modules, and the SDK below them, load on first use.
"""

import importlib
import pkgutil
from functools import cache
from importlib import resources
from types import ModuleType
from typing import Literal, cast, overload

from services.kernel.errors import ConfigurationError, NotFound
from services.provider_kit.contract import (
    Action,
    ActionsModule,
    AppManifestModule,
    CalendarModule,
    Capability,
    ChannelsModule,
    ClientModule,
    DirectoryModule,
    DomainsModule,
    InboxModule,
    MessagingModule,
    OAuthModule,
    ProviderManifest,
    ReconcileModule,
    RefreshModule,
    RevokeModule,
    SharedModule,
    WebhooksModule,
)

_PACKAGE = "services.providers"


def list_manifests() -> tuple[ProviderManifest, ...]:
    """Return all manifests, by name."""
    return tuple(sorted(_manifests().values(), key=lambda manifest: manifest.name.casefold()))


def get_manifest(slug: str) -> ProviderManifest:
    """Return a provider's manifest.

    Raises:
        NotFound: there is no such provider.
    """
    manifest = _manifests().get(slug)
    if manifest is None:
        raise NotFound(f"There is no provider “{slug[:60]}”.", code="unknown_provider")
    return manifest


def client(slug: str) -> ClientModule:
    """Return a provider's ``client`` module.

    Raises:
        NotFound: there is no such provider.
    """
    get_manifest(slug)
    return cast(ClientModule, _module(slug, "client"))


def oauth(slug: str) -> OAuthModule:
    """Return a provider's ``oauth`` module.

    Raises:
        NotFound: no such provider, or it does not connect by OAuth.
    """
    manifest = get_manifest(slug)
    if manifest.oauth is None:
        raise NotFound(f"{manifest.name} does not connect by OAuth.", code="no_oauth", provider=slug)
    return cast(OAuthModule, _module(slug, "oauth"))


def refresh(slug: str) -> RefreshModule:
    """Return the ``oauth`` module of a provider whose tokens are renewed.

    Raises:
        NotFound: no such provider, or its tokens are not renewed.
    """
    manifest = get_manifest(slug)
    if manifest.oauth is None or not manifest.oauth.refresh:
        raise NotFound(f"{manifest.name}'s access is not renewed.", code="no_refresh", provider=slug)
    return cast(RefreshModule, _module(slug, "oauth"))


@overload
def load(slug: str, capability: Literal[Capability.WEBHOOKS]) -> WebhooksModule: ...
@overload
def load(slug: str, capability: Literal[Capability.MESSAGING]) -> MessagingModule: ...
@overload
def load(slug: str, capability: Literal[Capability.CHANNELS]) -> ChannelsModule: ...
@overload
def load(slug: str, capability: Literal[Capability.DIRECTORY]) -> DirectoryModule: ...
@overload
def load(slug: str, capability: Literal[Capability.REVOKE]) -> RevokeModule: ...
@overload
def load(slug: str, capability: Literal[Capability.APP_MANIFEST]) -> AppManifestModule: ...
@overload
def load(slug: str, capability: Literal[Capability.INBOX]) -> InboxModule: ...
@overload
def load(slug: str, capability: Literal[Capability.CALENDAR]) -> CalendarModule: ...
@overload
def load(slug: str, capability: Literal[Capability.SHARED]) -> SharedModule: ...
@overload
def load(slug: str, capability: Literal[Capability.DOMAINS]) -> DomainsModule: ...
@overload
def load(slug: str, capability: Literal[Capability.ACTIONS]) -> ActionsModule: ...
@overload
def load(slug: str, capability: Literal[Capability.RECONCILE]) -> ReconcileModule: ...
def load(slug: str, capability: Capability) -> object:
    """Return the module that holds a provider's capability.

    Raises:
        NotFound: no such provider, or it lacks the capability.
    """
    manifest = get_manifest(slug)
    if capability not in manifest.capabilities:
        raise NotFound(f"{manifest.name} has no {capability.value}.", code="no_capability", provider=slug)
    return _module(slug, capability.value)


def webhooks(slug: str) -> WebhooksModule:
    """Return a provider's ``webhooks`` module; see :func:`load`."""
    return load(slug, Capability.WEBHOOKS)


def messaging(slug: str) -> MessagingModule:
    """Return a provider's ``messaging`` module; see :func:`load`."""
    return load(slug, Capability.MESSAGING)


def channels(slug: str) -> ChannelsModule:
    """Return a provider's ``channels`` module; see :func:`load`."""
    return load(slug, Capability.CHANNELS)


def directory(slug: str) -> DirectoryModule:
    """Return a provider's ``directory`` module; see :func:`load`."""
    return load(slug, Capability.DIRECTORY)


def revoke(slug: str) -> RevokeModule:
    """Return a provider's ``revoke`` module; see :func:`load`."""
    return load(slug, Capability.REVOKE)


def app_manifest(slug: str) -> AppManifestModule:
    """Return a provider's ``app_manifest`` module; see :func:`load`."""
    return load(slug, Capability.APP_MANIFEST)


def inbox(slug: str) -> InboxModule:
    """Return a provider's ``inbox`` module; see :func:`load`."""
    return load(slug, Capability.INBOX)


def reconcile(slug: str) -> ReconcileModule:
    """Return a provider's ``reconcile`` module; see :func:`load`."""
    return load(slug, Capability.RECONCILE)


def calendar(slug: str) -> CalendarModule:
    """Return a provider's ``calendar`` module; see :func:`load`."""
    return load(slug, Capability.CALENDAR)


def shared(slug: str) -> SharedModule:
    """Return a provider's ``shared`` module; see :func:`load`."""
    return load(slug, Capability.SHARED)


def domains(slug: str) -> DomainsModule:
    """Return a provider's ``domains`` module; see :func:`load`."""
    return load(slug, Capability.DOMAINS)


def list_actions(slug: str) -> tuple[Action, ...]:
    """Return a provider's actions; none if it has none.

    Raises:
        NotFound: there is no such provider.
    """
    if Capability.ACTIONS not in get_manifest(slug).capabilities:
        return ()
    return load(slug, Capability.ACTIONS).ACTIONS


def slug_of(address: str) -> str:
    """Return the slug that a part of a web address stands for; slugs are module names, addresses have dashes."""
    slug = address.replace("-", "_")
    return next((name for name, manifest in _manifests().items() if address in manifest.aliases), slug)


def address_of(slug: str) -> str:
    """Return how a provider is written in web addresses: ``google_calendar`` → ``google-calendar``."""
    return slug.replace("_", "-")


def forget() -> None:
    """Look for providers anew the next time; for tests that add one."""
    _manifests.cache_clear()


def read_setup(slug: str) -> str:
    """Return a provider's ``setup.md``, as shown in the pages and the documentation.

    Raises:
        NotFound: there is no such provider.
    """
    return _read(slug, "setup.md")


def read_quality_file(slug: str) -> str:
    """Return a provider's ``quality.toml``; ``services.provider_kit.quality`` reads it.

    Raises:
        NotFound: there is no such provider.
    """
    return _read(slug, "quality.toml")


def read_sources(slug: str) -> tuple[str, ...]:
    """Return the text of a provider's Python files.

    Raises:
        NotFound: there is no such provider.
    """
    get_manifest(slug)
    files = resources.files(f"{_PACKAGE}.{slug}").iterdir()
    return tuple(file.read_text(encoding="utf-8") for file in files if file.name.endswith(".py"))


def _read(slug: str, name: str) -> str:
    get_manifest(slug)
    return resources.files(f"{_PACKAGE}.{slug}").joinpath(name).read_text(encoding="utf-8")


@cache
def _manifests() -> dict[str, ProviderManifest]:
    package = importlib.import_module(_PACKAGE)
    slugs = [found.name for found in pkgutil.iter_modules(package.__path__) if found.ispkg]
    return {slug: _manifest(slug) for slug in slugs}


def _manifest(slug: str) -> ProviderManifest:
    manifest = getattr(_module(slug, "manifest"), "MANIFEST", None)
    if not isinstance(manifest, ProviderManifest) or manifest.slug != slug:
        raise ConfigurationError(f"services/providers/{slug}/manifest.py must hold a MANIFEST whose slug is “{slug}”.")
    return manifest


def _module(slug: str, part: str) -> ModuleType:
    return importlib.import_module(f"{_PACKAGE}.{slug}.{part}")
