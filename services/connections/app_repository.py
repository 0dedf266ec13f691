"""All statements on the tenants' own apps. Each binds the tenant."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from models import Connection, ConnectionStatus, OAuthAttempt, ProviderApp


def list_apps(session: Session, *, tenant_id: UUID, provider: str | None = None) -> Sequence[ProviderApp]:
    """Return the tenant's own apps, the oldest first."""
    statement = select(ProviderApp).where(col(ProviderApp.tenant_id) == tenant_id).order_by(col(ProviderApp.id))
    if provider is not None:
        statement = statement.where(col(ProviderApp.provider) == provider)
    return session.exec(statement).all()


def find_app(session: Session, *, tenant_id: UUID, app_id: UUID, for_update: bool = False) -> ProviderApp | None:
    """Return one of the tenant's own apps, locked until the end of the transaction if ``for_update``."""
    statement = select(ProviderApp).where(col(ProviderApp.tenant_id) == tenant_id, col(ProviderApp.id) == app_id)
    if for_update:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.exec(statement).first()


def find_app_by_client_id(session: Session, *, tenant_id: UUID, provider: str, client_id: str) -> ProviderApp | None:
    """Return the tenant's own app with this id at the provider."""
    statement = select(ProviderApp).where(
        col(ProviderApp.tenant_id) == tenant_id,
        col(ProviderApp.provider) == provider,
        col(ProviderApp.client_id) == client_id,
    )
    return session.exec(statement).first()


def lock_client_id(session: Session, *, tenant_id: UUID, provider: str, client_id: str) -> None:
    """Let nobody else register the same app until the end of the transaction."""
    key = f"app:{tenant_id}:{provider}:{client_id}"
    session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


def count_uses(session: Session, *, tenant_id: UUID) -> dict[UUID, int]:
    """Return app id → number of connections through it that are not disconnected."""
    statement = (
        select(col(Connection.provider_app_id), func.count())
        .where(
            col(Connection.tenant_id) == tenant_id,
            col(Connection.provider_app_id).is_not(None),
            col(Connection.status) != ConnectionStatus.DISCONNECTED,
        )
        .group_by(col(Connection.provider_app_id))
    )
    return {app_id: count for app_id, count in session.exec(statement).all() if app_id is not None}


def detach_app(session: Session, *, tenant_id: UUID, app_id: UUID) -> None:
    """Let go of an app: disconnected connections keep their history without it, walks that ask for it end nowhere."""
    ended = session.exec(
        select(Connection).where(col(Connection.tenant_id) == tenant_id, col(Connection.provider_app_id) == app_id)
    ).all()
    for connection in ended:
        connection.provider_app_id = None
        session.add(connection)
    walks = session.exec(
        select(OAuthAttempt).where(
            col(OAuthAttempt.tenant_id) == tenant_id, col(OAuthAttempt.provider_app_id) == app_id
        )
    ).all()
    for walk in walks:
        session.delete(walk)
    session.flush()
