"""Finds the connection that connecting an account repairs, so that it keeps its id, its settings and its history."""

from uuid import UUID

from models import Connection, Ending
from services.connections import repository
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, NotFound, Refused
from services.provider_kit.contract import ExternalAccount, ProviderManifest


def find_existing(
    work: UnitOfWork,
    *,
    manifest: ProviderManifest,
    account: ExternalAccount,
    agent_id: UUID | None,
    connection_id: UUID | None,
) -> Connection | None:
    """Return the connection to repair, and let nobody else connect the account until the end of the transaction.

    Args:
        work: the unit of work that saves.
        manifest: the provider.
        account: whose credential it is, as the provider says.
        agent_id: the agent it is for; None for the whole tenant.
        connection_id: the connection that is to be repaired; None if any of this account and agent may be.

    Raises:
        NotFound: the named connection was deleted meanwhile.
        Refused: the named connection is to another account; ``other_account``, names both.
        Conflict: the account is connected for this agent already, or the connection is just being ended.
    """
    named = _find_named(work, manifest, account, connection_id) if connection_id else None
    if named is not None:
        agent_id = named.agent_id
    repository.lock_account(work.session, key=f"connection:{work.tenant_id}:{manifest.slug}:{account.id}:{agent_id}")
    found = repository.find_connections_of_account(
        work.session,
        tenant_id=work.tenant_id,
        provider=manifest.slug,
        external_account_id=account.id,
        agent_id=agent_id,
    )
    others = [connection for connection in found if named is None or connection.id != named.id]
    if any(connection.status in repository.IN_USE for connection in others):
        raise Conflict(
            f"The {manifest.name} {manifest.account_noun} “{account.name}” is already connected for"
            f" {_holder(work, agent_id)}. Disconnect it first, or connect another one.",
            code="already_connected",
            provider=manifest.slug,
        )
    existing = named or (others[0] if others else None)
    if existing is not None and existing.ending is not Ending.NONE:
        raise Conflict("The connection is still being ended. Try again in a minute.", code="still_ending")
    return existing


def _find_named(
    work: UnitOfWork, manifest: ProviderManifest, account: ExternalAccount, connection_id: UUID
) -> Connection:
    named = repository.find_connection(
        work.session, tenant_id=work.tenant_id, connection_id=connection_id, for_update=True
    )
    if named is None or named.provider != manifest.slug:
        raise NotFound(
            "The connection was deleted in the meantime. Connect the account again.", code="unknown_connection"
        )
    if named.external_account_id != account.id:
        raise Refused(
            f"This connection is to the {manifest.account_noun} “{named.external_account_name}”, but you signed in to"
            f" “{account.name}”. Sign in to “{named.external_account_name}” and try again, or connect"
            f" “{account.name}” as a connection of its own.",
            code="wrong_account",
            provider=manifest.slug,
        )
    return named


def _holder(work: UnitOfWork, agent_id: UUID | None) -> str:
    if agent_id is None:
        return "the whole company"
    name = repository.find_agent_name(work.session, tenant_id=work.tenant_id, agent_id=agent_id)
    return f"“{name}”" if name else "this agent"
