"""Counts what a disconnect would do, before anybody does it."""

from uuid import UUID

from models import Connection
from services.connections import ending_repository
from services.connections.reading import build_view, get_row
from services.connections.revoking import RevocationPlan
from services.connections.views import ConnectionView, Consequences
from services.kernel.db import UnitOfWork
from services.kernel.kernel import Kernel
from services.provider_kit import registry
from services.provider_kit.auth import OAuth2
from services.provider_kit.contract import Capability, ProviderManifest
from services.tenants import Actor, Permission, require


def preview_disconnect(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> Consequences:
    """Return what a disconnect would do, counted and in words; changes nothing.

    Raises:
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = get_row(work, connection_id)
        view = build_view(kernel, work, connection_id)
        counts = ending_repository.count_what_ends(work.session, tenant_id=actor.tenant_id, connection_id=connection_id)
        plan = revocation_of(kernel, work, connection)
    manifest = registry.get_manifest(view.provider)
    return Consequences(
        agents=view.used_by.agents,
        channels=view.used_by.channels,
        numbers=tuple(number.number for number in view.numbers if number.agent_id),
        waiting_answers=counts.waiting,
        conversations=view.used_by.conversations,
        messages=counts.messages,
        can_revoke=plan.is_possible,
        effects=manifest.disconnect_effects,
        sentences=(*_count(view, waiting=counts.waiting), plan.words, *manifest.disconnect_effects),
    )


def revocation_of(kernel: Kernel, work: UnitOfWork, connection: Connection) -> RevocationPlan:
    """Return whether ending this connection ends our access at the provider too.

    Only access that was granted to us by consent is given back. Keys belong to whoever pasted them and may serve
    others; and where another connection goes through the same app to the same account, it holds the same access.
    """
    manifest = registry.get_manifest(connection.provider)
    if Capability.REVOKE not in manifest.capabilities or not _is_by_consent(manifest, connection):
        return RevocationPlan(
            is_possible=False,
            words=f"Patchbay forgets the keys at once; they stay valid at {manifest.name} until you change them there.",
        )
    if _is_shared(kernel, work, connection):
        return RevocationPlan(
            is_possible=False,
            words=f"The access at {manifest.name} stays, as another connection to the same {manifest.account_noun}"
            " goes through it.",
        )
    return RevocationPlan(is_possible=True, words=f"{manifest.name} is told to end Patchbay's access.")


def _is_shared(kernel: Kernel, work: UnitOfWork, connection: Connection) -> bool:
    if not connection.uses_operator_app:
        return ending_repository.is_shared(work.session, connection)
    with kernel.unscoped_session("connections.is_access_shared") as session:
        return ending_repository.is_shared_through_operator_app(session, connection)


def _is_by_consent(manifest: ProviderManifest, connection: Connection) -> bool:
    return any(isinstance(scheme, OAuth2) and scheme.id == connection.auth_scheme for scheme in manifest.auth)


def _count(view: ConnectionView, *, waiting: int) -> list[str]:
    """Put the counts into sentences; what is zero is not mentioned."""
    usage = view.used_by
    what = "number" if view.numbers else "channel"
    sentences: list[str] = []
    if usage.agents:
        sentences.append(f"{_list(usage.agents)} {'stops' if len(usage.agents) == 1 else 'stop'} answering here.")
    if usage.channels:
        sentences.append(f"{_plural(usage.channels, what)} {'falls' if usage.channels == 1 else 'fall'} silent.")
    if waiting:
        sentences.append(f"{_plural(waiting, 'waiting answer')} {'is' if waiting == 1 else 'are'} dropped.")
    if usage.conversations:
        what = "it" if usage.conversations == 1 else "them"
        sentences.append(f"{_plural(usage.conversations, 'conversation')} can still be read, unless you delete {what}.")
    return sentences


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _list(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
