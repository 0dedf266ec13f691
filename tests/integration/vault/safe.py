"""A tenant with secrets in every kind of column, and looks at what stands in the database."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlmodel import col, select

from models import (
    Connection,
    ConnectionStatus,
    Credential,
    DataKey,
    KeyRotation,
    Membership,
    OAuthAttempt,
    ProviderApp,
    Role,
)
from services import vault
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id, new_token
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.kernel.vault import sealed_key_id
from services.tenants import Actor, bootstrap
from services.tenants.repository import find_user
from services.tenants.sessions import open_session

PATIENCE_SECONDS = 30.0


@dataclass(slots=True)
class Safe:
    """One tenant's secrets, and what they are."""

    kernel: Kernel
    actor: Actor
    connection_id: UUID
    expected: dict[tuple[str, str, UUID], str] = field(default_factory=dict[tuple[str, str, UUID], str])

    @property
    def tenant_id(self) -> UUID:
        """The tenant."""
        return self.actor.tenant_id

    def add_credentials(self, count: int) -> None:
        """Keep more secrets of the connection."""
        with self.kernel.unit_of_work(self.tenant_id) as work:
            for number in range(count):
                row_id = new_id()
                self.put(work, row_id, text=f"secret {len(self.expected)}", name=f"{number}-{row_id}")

    def put(self, work: UnitOfWork, row_id: UUID, *, text: str, name: str) -> None:
        """Keep one secret."""
        sealed = self.seal(work, "credential", "sealed", row_id, text)
        work.session.add(
            Credential(
                tenant_id=self.tenant_id,
                id=row_id,
                connection_id=self.connection_id,
                name=name,
                sealed=sealed,
                updated_at=self.kernel.clock.now(),
            )
        )

    def seal(self, work: UnitOfWork, table: str, column: str, row_id: UUID, text: str) -> bytes:
        """Seal a secret and remember it."""
        self.expected[table, column, row_id] = text
        return vault.seal(work, self.kernel, table=table, column=column, row_id=row_id, secret=Secret(text))

    def values(self) -> dict[tuple[str, str, UUID], bytes]:
        """Return every sealed value as it stands in the database."""
        found: dict[tuple[str, str, UUID], bytes] = {}
        with self.kernel.unit_of_work(self.tenant_id) as work:
            session, mine = work.session, self.tenant_id
            for row in session.exec(select(Credential).where(col(Credential.tenant_id) == mine)):
                found["credential", "sealed", row.id] = row.sealed
            for attempt in session.exec(select(OAuthAttempt).where(col(OAuthAttempt.tenant_id) == mine)):
                found["oauth_attempt", "sealed_verifier", attempt.id] = attempt.sealed_verifier
            for app in session.exec(select(ProviderApp).where(col(ProviderApp.tenant_id) == mine)):
                found["provider_app", "sealed_client_secret", app.id] = app.sealed_client_secret
                if app.sealed_signing_secret is not None:
                    found["provider_app", "sealed_signing_secret", app.id] = app.sealed_signing_secret
        return found

    def opened(self) -> dict[tuple[str, str, UUID], str]:
        """Open every sealed value."""
        opened: dict[tuple[str, str, UUID], str] = {}
        values = self.values()
        with self.kernel.unit_of_work(self.tenant_id) as work:
            for (table, column, row_id), sealed in values.items():
                secret = vault.reveal(work, self.kernel, table=table, column=column, row_id=row_id, sealed=sealed)
                opened[table, column, row_id] = secret.reveal()
        return opened

    def rows_by_key(self) -> dict[UUID, int]:
        """Count the values by the key they name, without the code under test."""
        counts: dict[UUID, int] = {}
        for sealed in self.values().values():
            counts[sealed_key_id(sealed)] = counts.get(sealed_key_id(sealed), 0) + 1
        return counts

    def keys(self) -> dict[UUID, DataKey]:
        """Return the tenant's data keys."""
        with self.kernel.unit_of_work(self.tenant_id) as work:
            rows = work.session.exec(select(DataKey).where(col(DataKey.tenant_id) == self.tenant_id)).all()
        return {row.id: row for row in rows}

    def rotation(self) -> KeyRotation:
        """Return the latest rotation."""
        with self.kernel.unit_of_work(self.tenant_id) as work:
            statement = select(KeyRotation).where(col(KeyRotation.tenant_id) == self.tenant_id)
            return work.session.exec(statement.order_by(col(KeyRotation.id).desc())).first() or _no_rotation()

    def start(self) -> KeyRotation:
        """Begin a rotation."""
        vault.start_rotation(self.kernel, actor=self.actor)
        return self.rotation()

    def run(self) -> vault.Progress:
        """Take all steps that can be taken now."""
        return vault.run_rotation(
            self.kernel, tenant_id=self.tenant_id, rotation_id=self.rotation().id, seconds=PATIENCE_SECONDS
        )


def _no_rotation() -> KeyRotation:
    raise AssertionError("There is no rotation.")


def new_safe(kernel: Kernel, name: str = "acme", *, credentials: int = 3) -> Safe:
    """Create a tenant with secrets in every sealed column."""
    result = bootstrap(kernel, email=f"owner@{name}.example", tenant=name)
    actor = Actor(tenant_id=result.tenant_id, kind="user", id=result.user_id, label="Ana", role=Role.OWNER)
    safe, now = Safe(kernel, actor, new_id()), kernel.clock.now()
    with kernel.unit_of_work(actor.tenant_id) as work:
        work.session.add(
            Connection(
                tenant_id=actor.tenant_id,
                id=safe.connection_id,
                provider="slack",
                status=ConnectionStatus.ACTIVE,
                auth_scheme="keys",
                created_at=now,
                updated_at=now,
            )
        )
        for has_signing_secret in (True, False):
            row_id = new_id()
            work.session.add(
                ProviderApp(
                    tenant_id=actor.tenant_id,
                    id=row_id,
                    provider="slack",
                    name="Own app",
                    client_id=str(row_id),
                    sealed_client_secret=safe.seal(work, "provider_app", "sealed_client_secret", row_id, "client"),
                    sealed_signing_secret=safe.seal(work, "provider_app", "sealed_signing_secret", row_id, "signing")
                    if has_signing_secret
                    else None,
                    created_at=now,
                    updated_at=now,
                )
            )
        _add_attempt(safe, work)
    safe.add_credentials(credentials)
    return safe


def _add_attempt(safe: Safe, work: UnitOfWork) -> None:
    now = safe.kernel.clock.now()
    membership = work.session.exec(select(Membership).where(col(Membership.tenant_id) == safe.tenant_id)).one()
    user = find_user(work.session, membership.user_id)
    assert user is not None
    signed_in = open_session(work.session, membership=membership, user=user, now=now)
    assert signed_in.actor.session_id is not None
    row_id = new_id()
    work.session.add(
        OAuthAttempt(
            tenant_id=safe.tenant_id,
            id=row_id,
            state_hash=new_token(bits=128),
            session_id=signed_in.actor.session_id,
            provider="slack",
            redirect_uri="http://127.0.0.1:8000/callback",
            sealed_verifier=safe.seal(work, "oauth_attempt", "sealed_verifier", row_id, "verifier"),
            created_at=now,
            expires_at=now + timedelta(minutes=10),
        )
    )
