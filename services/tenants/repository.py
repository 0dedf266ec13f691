"""All queries on tenants, people, sessions, links and keys."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, func, text, update
from sqlmodel import Session, col, select

from models import (
    Agent,
    ApiKey,
    AuditEntry,
    Connection,
    ConnectionStatus,
    Conversation,
    ConversationState,
    LinkPurpose,
    Membership,
    OneTimeLink,
    Role,
    Tenant,
    User,
    WebSession,
    metadata,
)

_SETUP_LOCK = 0x7061746368  # any fixed number; it spells "patch"
_DELETED_ROWS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A browser session with the person behind it."""

    session: WebSession
    membership: Membership
    user_name: str


def lock_setup(session: Session) -> None:
    """Let one first set-up run at a time, until the end of the transaction."""
    session.connection().execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SETUP_LOCK})


def has_users(session: Session) -> bool:
    """Return whether anybody exists yet."""
    return session.exec(select(User.id).limit(1)).first() is not None


def find_user_by_email(session: Session, email: str) -> User | None:
    """Return the person with that address."""
    return session.exec(select(User).where(col(User.email) == email)).first()


def find_user(session: Session, user_id: UUID) -> User | None:
    """Return a person."""
    return session.exec(select(User).where(col(User.id) == user_id)).first()


def set_password_hash(session: Session, *, user_id: UUID, before: str, after: str) -> None:
    """Replace a hash unless it has changed meanwhile."""
    session.connection().execute(
        update(User)
        .where(col(User.id) == user_id, col(User.password_hash) == before)
        .values(password_hash=after)
        .execution_options(synchronize_session=False)
    )


def find_first_membership(session: Session, user_id: UUID, *, tenant_id: UUID | None = None) -> Membership | None:
    """Return a person's oldest place in a tenant, or the one in the tenant that is named; runs unscoped."""
    statement = select(Membership).where(col(Membership.user_id) == user_id)
    if tenant_id is not None:
        statement = statement.where(col(Membership.tenant_id) == tenant_id)
    return session.exec(statement.order_by(col(Membership.id)).limit(1)).first()


def find_session(session: Session, *, token_hash: str) -> SessionRow | None:
    """Return the session with that token, whatever its state; runs unscoped."""
    row = session.exec(
        select(WebSession, Membership, User.name)
        .join(
            Membership,
            (col(Membership.tenant_id) == col(WebSession.tenant_id))
            & (col(Membership.id) == col(WebSession.membership_id)),
        )
        .join(User, col(User.id) == col(Membership.user_id))
        .where(col(WebSession.token_hash) == token_hash)
    ).first()
    return SessionRow(session=row[0], membership=row[1], user_name=row[2]) if row else None


def delete_ended_sessions(session: Session, *, tenant_id: UUID, membership_id: UUID, now: datetime) -> None:
    """Remove a member's sessions that are over; nothing refers to them but OAuth attempts, which are over as well."""
    rows = session.exec(
        select(WebSession).where(
            col(WebSession.tenant_id) == tenant_id,
            col(WebSession.membership_id) == membership_id,
            col(WebSession.expires_at) < now,
        )
    )
    for row in rows:
        session.delete(row)


def find_api_key(session: Session, *, token_hash: str) -> ApiKey | None:
    """Return the key with that hash, whatever its state; runs unscoped."""
    return session.exec(select(ApiKey).where(col(ApiKey.token_hash) == token_hash)).first()


def void_links(session: Session, *, purpose: LinkPurpose, now: datetime) -> None:
    """Make all unused links for a purpose useless."""
    session.connection().execute(
        update(OneTimeLink)
        .where(col(OneTimeLink.purpose) == purpose, col(OneTimeLink.used_at).is_(None))
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )


def use_link(session: Session, *, token_hash: str, purpose: LinkPurpose, now: datetime) -> OneTimeLink | None:
    """Use a link up and return it; none if it is unknown, used or too old. One statement, so it works once."""
    return session.scalars(
        update(OneTimeLink)
        .where(
            col(OneTimeLink.token_hash) == token_hash,
            col(OneTimeLink.purpose) == purpose,
            col(OneTimeLink.used_at).is_(None),
            col(OneTimeLink.expires_at) > now,
        )
        .values(used_at=now)
        .returning(OneTimeLink)
        .execution_options(synchronize_session=False)
    ).first()


def is_link_usable(session: Session, *, token_hash: str, purpose: LinkPurpose, now: datetime) -> bool:
    """Return whether a link would work now."""
    statement = select(OneTimeLink.id).where(
        col(OneTimeLink.token_hash) == token_hash,
        col(OneTimeLink.purpose) == purpose,
        col(OneTimeLink.used_at).is_(None),
        col(OneTimeLink.expires_at) > now,
    )
    return session.exec(statement).first() is not None


def find_tenant(session: Session, tenant_id: UUID) -> Tenant | None:
    """Return a tenant."""
    return session.exec(select(Tenant).where(col(Tenant.id) == tenant_id)).first()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much a tenant has."""

    agents: int
    connections: int
    waiting: int


def count_things(session: Session, *, tenant_id: UUID) -> Counts:
    """Count a tenant's agents, live connections, and conversations that wait for a person."""
    agents = session.exec(select(func.count()).select_from(Agent).where(col(Agent.tenant_id) == tenant_id)).one()
    connections = session.exec(
        select(func.count())
        .select_from(Connection)
        .where(
            col(Connection.tenant_id) == tenant_id,
            col(Connection.status).not_in([ConnectionStatus.DISCONNECTED, ConnectionStatus.PENDING]),
        )
    ).one()
    waiting = session.exec(
        select(func.count())
        .select_from(Conversation)
        .where(col(Conversation.tenant_id) == tenant_id, col(Conversation.state) == ConversationState.WAITING)
    ).one()
    return Counts(agents=agents, connections=connections, waiting=waiting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What a tenant has that nobody is shown a number of from day to day."""

    conversations: int
    people: int
    api_keys: int


def count_rest(session: Session, *, tenant_id: UUID) -> Rest:
    """Count a tenant's conversations, its people, and its API keys."""

    def count(table: type[Conversation | Membership | ApiKey]) -> int:
        return session.exec(select(func.count()).select_from(table).where(col(table.tenant_id) == tenant_id)).one()

    return Rest(conversations=count(Conversation), people=count(Membership), api_keys=count(ApiKey))


def add_tenant(session: Session, *, tenant_id: UUID, name: str, now: datetime) -> None:
    """Add a tenant; its other rows refer to it, so it is written at once."""
    session.add(Tenant(id=tenant_id, name=name, created_at=now))
    session.flush()


def add_owner(session: Session, *, tenant_id: UUID, user: User, membership_id: UUID, now: datetime) -> Membership:
    """Add a person as the owner of a tenant."""
    session.add(user)
    session.flush()
    membership = Membership(tenant_id=tenant_id, id=membership_id, user_id=user.id, role=Role.OWNER, created_at=now)
    session.add(membership)
    session.flush()
    return membership


def list_deletions(session: Session, *, limit: int) -> list[tuple[UUID, UUID]]:
    """Return (id, id) of tenants whose deletion was begun; runs unscoped."""
    statement = select(col(Tenant.id)).where(col(Tenant.deletion_started_at).is_not(None)).limit(limit)
    return [(tenant_id, tenant_id) for tenant_id in session.exec(statement)]


def remove_people(session: Session, *, tenant_id: UUID) -> None:
    """Let nobody and no key in any more; people who belong to no other tenant are forgotten. Runs unscoped."""
    people = list(session.exec(select(Membership.user_id).where(col(Membership.tenant_id) == tenant_id)))
    connection = session.connection()
    for table in (WebSession, ApiKey, Membership):
        connection.execute(delete(table).where(col(table.tenant_id) == tenant_id))
    elsewhere = exists().where(col(Membership.user_id) == col(User.id))
    connection.execute(delete(User).where(col(User.id).in_(people), ~elsewhere))


def delete_rows(session: Session, *, tenant_id: UUID) -> bool:
    """Delete some of a tenant's rows, children before parents; return whether there were any.

    The audit log is left: nothing but the end of the tenant itself may take rows from it.
    """
    for table in reversed(metadata.sorted_tables):
        if table.name == AuditEntry.__tablename__ or "tenant_id" not in table.primary_key.columns:
            continue
        some = select(table.c.id).where(table.c.tenant_id == tenant_id).limit(_DELETED_ROWS)
        statement = delete(table).where(table.c.tenant_id == tenant_id, table.c.id.in_(some))
        if session.connection().execute(statement).rowcount:
            return True
    return False


def delete_tenant(session: Session, tenant_id: UUID) -> None:
    """Delete a tenant and whatever still refers to it."""
    session.connection().execute(delete(Tenant).where(col(Tenant.id) == tenant_id))
