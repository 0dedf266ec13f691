"""Gives our access back at a provider: whether that is possible is planned first, what came of it is put in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from models import Connection
from services.connections.clients import build_context
from services.connections.views import RevocationView
from services.kernel.errors import ConfigurationError, NeedsReauth, PatchbayError
from services.kernel.kernel import Kernel
from services.kernel.log import get_logger
from services.kernel.secret import Secret
from services.provider_kit import registry

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationPlan:
    """Whether our access can be given back, and why not otherwise."""

    is_possible: bool
    words: str
    """What will happen at the provider, or what a person must do there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a connection holds at the provider, for the length of one call."""

    secrets: Mapping[str, Secret]
    plan: RevocationPlan
    settings: Mapping[str, str]
    subscriptions: tuple[tuple[str, str], ...] = ()
    """Each one's id, and the provider's id of what it is for."""


def end_subscriptions(kernel: Kernel, connection: Connection, access: Access) -> None:
    """Tell the provider to call us no more, outside any transaction. One attempt each: they also end by themselves."""
    if not access.secrets:
        return
    manifest = registry.get_manifest(connection.provider)
    for subscription_id, resource_id in access.subscriptions:
        try:
            context = build_context(kernel, manifest, secrets=access.secrets, settings=access.settings)
            client = registry.client(manifest.slug).build_client(context)
            registry.calendar(manifest.slug).unsubscribe(
                client, subscription_id=subscription_id, resource_id=resource_id
            )
        except (PatchbayError, ConfigurationError) as error:
            _log.info("connections.subscription.not_ended", provider=manifest.slug, cause=type(error).__name__)
        except Exception:
            _log.exception("connections.subscription.crashed", provider=manifest.slug)


def give_back(kernel: Kernel, connection: Connection, access: Access) -> RevocationView | None:
    """Tell the provider that we give the access back, within the outbound client's deadline, outside any transaction.

    One attempt: the secrets are forgotten next, so whatever goes wrong is an answer too.

    Returns:
        The provider's answer; None if there is nothing to give back.
    """
    if not access.secrets:
        return None
    if not access.plan.is_possible:
        return RevocationView(done=False, said=access.plan.words)
    name = registry.get_manifest(connection.provider).name
    by_hand = f" The access may still be valid there: remove the app in {name}."
    try:
        context = build_context(
            kernel, registry.get_manifest(connection.provider), secrets=access.secrets, settings=access.settings
        )
        client = registry.client(connection.provider).build_client(context)
        outcome = registry.revoke(connection.provider).revoke(client)
    except NeedsReauth:
        return RevocationView(done=True, said=f"The access had ended at {name} before.")
    except PatchbayError as error:
        return RevocationView(done=False, said=error.message + by_hand)
    except ConfigurationError:
        return RevocationView(done=False, said=f"{name} could not be called.{by_hand}")
    except Exception:
        # A bug in a provider's module must not keep the secrets here.
        _log.exception("connections.revoke.crashed", provider=connection.provider)
        return RevocationView(done=False, said=f"An error in Patchbay; see the server's log.{by_hand}")
    return RevocationView(done=outcome.done, said=outcome.said)
