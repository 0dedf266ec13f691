"""A tenant that is deleted leaves nothing behind: no access at a provider, no key, no row; others are untouched."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlmodel import col, select

from models import AuditEntry, Role
from models import metadata as schema
from services import connections, vault
from services.connections import ConnectionView
from services.kernel.db import Database
from services.kernel.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.kernel.vault import VaultError
from services.tenants import (
    Actor,
    bootstrap,
    delete_tenant,
    finish_deletion,
    get_tenant,
    preview_deletion,
    rename_tenant,
    sign_in_with_link,
)
from services.webhooks.sweep import run as sweep
from tests.integration.connections.scene import Browser, as_role, new_agent
from tests.integration.isolation.twins import living_twins
from tests.integration.isolation.world import COUNTED_LATE
from tests.support.line import OnDemandQueue
from tests.support.sandbox import SandboxClient
from workers.runtime.embedded import EmbeddedUrls

NAME = "Northwind"
KEPT_WITH_THE_ROW = {
    **dict.fromkeys(("connection", "connection_check", "connection_transition"), "is the connection, and its own life"),
    **dict.fromkeys(
        ("action_grant", "channel_policy", "channel_listing"), "says what holds when it is connected again"
    ),
    **dict.fromkeys(("email_domain", "email_sender", "phone_number"), "says who writes from where"),
    **dict.fromkeys(
        ("health_finding", "health_notice", "notice_target"), "is about the connection, not about contacts"
    ),
    "limit_alarm": "is about the connection's pace, not about contacts",
    "reconciliation": "says how far was asked, not what was said",
    "opt_out": "who asked for silence is still asking",
}
"""What is no history: stays when a connection is disconnected and its history deleted."""


def connect(kernel: Kernel, actor: Actor, sandbox: SandboxClient, provider: str) -> ConnectionView:
    app, account = sandbox.identities.own_app, sandbox.identities.twilio
    values: dict[str, dict[str, object]] = {
        "slack": {"bot_token": app.bot_token, "signing_secret": app.signing_secret},
        "twilio": {"account_sid": account.account_sid, "auth_token": account.auth_token},
    }
    return connections.connect_with_keys(
        kernel,
        actor=actor,
        provider=provider,
        scheme_id="keys",
        agent_id=new_agent(kernel, actor, provider),
        values=values[provider],
    )


def rows_of(kernel: Kernel, actor: Actor) -> dict[str, int]:
    """Count the tenant's rows, by table; tables without any are left out."""
    found: dict[str, int] = {}
    with kernel.unscoped_session("test looks at everything") as session:
        for table in schema.sorted_tables:
            if "tenant_id" in table.columns:
                statement = text(f"SELECT count(*) FROM {table.name} WHERE tenant_id = :id")
                count = session.connection().execute(statement, {"id": actor.tenant_id}).scalar_one()
                found |= {table.name: count} if count else {}
    return found


def test_nothing_is_left_and_others_are_untouched(
    kernel: Kernel, owner: Browser, stranger: Browser, sandbox: SandboxClient
) -> None:
    slack = connect(kernel, owner.actor, sandbox, "slack")
    connect(kernel, owner.actor, sandbox, "twilio")
    others = rows_of(kernel, stranger.actor)
    assert slack.status == "active" and {"credential", "audit_entry", "data_key"} <= set(rows_of(kernel, owner.actor))
    deleted = delete_tenant(kernel, actor=owner.actor, confirm_name=NAME)
    assert deleted.keys_destroyed == 1
    assert deleted.connections_revoked + len(deleted.not_revoked) == 2
    assert rows_of(kernel, owner.actor) == {}
    assert rows_of(kernel, stranger.actor) == others
    with pytest.raises(NotFound):
        get_tenant(kernel, actor=owner.actor)
    with kernel.unscoped_session("test looks at everything") as session:
        names = session.connection().execute(text("SELECT email FROM user_account")).scalars().all()
    assert names == ["owner@harbor.example"]


def test_a_whole_tenant_goes_and_its_twin_stays(servers: EmbeddedUrls) -> None:
    """With a row in every table that there is."""
    with living_twins(servers) as twins:
        kernel, actor = twins.line.kernel, replace(twins.own.actor, kind="user", role=Role.OWNER)
        others = twins.rows_of(twins.foreign.actor)
        assert [name for name, rows in twins.rows_of(actor).items() if not rows] == []
        deleted = delete_tenant(kernel, actor=actor, confirm_name=NAME)
        assert deleted.connections_revoked + len(deleted.not_revoked) == len(others["connection"])
        assert rows_of(kernel, actor) == {}
        after = twins.rows_of(twins.foreign.actor)
        assert [name for name in after if after[name] != others[name] and name not in COUNTED_LATE] == []


@pytest.mark.parametrize("keeps_row", [True, False])
def test_a_connections_rows_go_with_it(servers: EmbeddedUrls, keeps_row: bool) -> None:
    """Every table that refers to connections, and every table that refers to those."""
    with living_twins(servers) as twins:
        kernel, actor = twins.line.kernel, twins.own.actor
        for connection_id in [UUID(row["id"]) for row in twins.read_rows_of(actor)["connection"]]:
            if keeps_row:
                connections.disconnect(kernel, actor=actor, connection_id=connection_id, keep_history=False)
            else:
                connections.delete_connection(kernel, actor=actor, connection_id=connection_id)
        left = {name for name, rows in twins.rows_of(actor).items() if rows and name in hangs_on_connections()}
        assert left - (set(KEPT_WITH_THE_ROW) if keeps_row else set()) == set()


def hangs_on_connections() -> set[str]:
    """Return the tables whose rows cannot be without a connection."""
    found = {"connection"}
    for table in schema.sorted_tables:
        parents = {
            key.column.table.name
            for column in table.columns
            if not column.nullable
            for key in column.foreign_keys
            if column.name != "tenant_id"
        }
        found |= {table.name} if parents & found else set()
    return found


def test_a_copy_of_a_secret_does_not_open_once_the_keys_are_gone(kernel: Kernel, owner: Browser) -> None:
    row_id = new_id()
    with kernel.unit_of_work(owner.actor.tenant_id) as work:
        sealed = vault.seal(work, kernel, table="credential", column="sealed", row_id=row_id, secret=Secret("canary"))
        assert vault.destroy_all_keys(work, kernel) == 1
    with kernel.unit_of_work(owner.actor.tenant_id) as work, pytest.raises(VaultError):
        vault.reveal(work, kernel, table="credential", column="sealed", row_id=row_id, sealed=sealed)
    with kernel.unit_of_work(owner.actor.tenant_id) as work, pytest.raises(VaultError, match="no data key"):
        vault.seal(work, kernel, table="credential", column="sealed", row_id=row_id, secret=Secret("more"))


def test_what_would_be_deleted_is_counted_first(kernel: Kernel, owner: Browser, sandbox: SandboxClient) -> None:
    connect(kernel, owner.actor, sandbox, "slack")
    before = rows_of(kernel, owner.actor)
    found = preview_deletion(kernel, actor=owner.actor)
    assert (found.agents, found.connections, found.conversations, found.people) == (1, 1, 0, 1)
    assert rows_of(kernel, owner.actor) == before


def test_owner_renames_the_company_and_its_end_asks_for_the_new_name(kernel: Kernel, owner: Browser) -> None:
    assert rename_tenant(kernel, actor=owner.actor, name="  North   wind ").name == "North wind"
    with kernel.unit_of_work(owner.actor.tenant_id) as work:
        renamed = select(AuditEntry).where(
            col(AuditEntry.tenant_id) == owner.actor.tenant_id, col(AuditEntry.action) == "tenant.renamed"
        )
        assert work.session.exec(renamed).one().detail == {"before": NAME, "after": "North wind"}
    for wrong in ("", " ", "x" * 101, "a\x00b"):
        with pytest.raises(InvalidInput):
            rename_tenant(kernel, actor=owner.actor, name=wrong)
    with pytest.raises(InvalidInput, match="North wind"):
        delete_tenant(kernel, actor=owner.actor, confirm_name=NAME)


def test_only_an_owner_who_means_it_may(kernel: Kernel, owner: Browser) -> None:
    before = rows_of(kernel, owner.actor)
    for role in (Role.ADMIN, Role.OPERATOR, Role.VIEWER):
        actor = as_role(owner.actor, role)
        with pytest.raises(Forbidden):
            delete_tenant(kernel, actor=actor, confirm_name=NAME)
        with pytest.raises(Forbidden):
            preview_deletion(kernel, actor=actor)
        with pytest.raises(Forbidden):
            rename_tenant(kernel, actor=actor, name="Taken over")
    with pytest.raises(InvalidInput) as caught:
        delete_tenant(kernel, actor=owner.actor, confirm_name="northwind")
    assert caught.value.field == "confirm_name"
    with pytest.raises(NotFound):
        finish_deletion(kernel, tenant_id=owner.actor.tenant_id)
    assert rows_of(kernel, owner.actor) == before


def test_whoever_belongs_to_it_is_out_at_once(kernel: Kernel) -> None:
    result = bootstrap(kernel, email="ana@acme.example", tenant="Acme")
    actor = Actor(tenant_id=result.tenant_id, kind="user", id=result.user_id, label="Ana", role=Role.OWNER)
    with process_that_dies(kernel, before="UPDATE data_key") as dying, pytest.raises(Killed):
        delete_tenant(dying, actor=actor, confirm_name="Acme")
    with pytest.raises(Unauthenticated):
        sign_in_with_link(kernel, result.sign_in_link.rpartition("/")[2])


class Killed(BaseException):
    """The process dies: nobody catches this."""


@contextmanager
def process_that_dies(kernel: Kernel, *, before: str) -> Generator[Kernel]:
    """Yield another process that dies before its first statement that begins like this."""
    database = Database(kernel.settings.database_url, pool_size=2)

    def die(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(before):
            raise Killed

    event.listen(database.engine, "before_cursor_execute", die)
    try:
        yield replace(kernel, database=database)
    finally:
        database.dispose()


@pytest.mark.parametrize(
    "before",
    ["DELETE FROM membership", "DELETE FROM credential", "UPDATE data_key", "DELETE FROM agent", "DELETE FROM tenant"],
)
def test_a_death_in_the_middle_is_finished_by_the_sweeper(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, before: str
) -> None:
    queue = OnDemandQueue()
    kernel = replace(kernel, queue=queue)
    connect(kernel, owner.actor, sandbox, "slack")
    with process_that_dies(kernel, before=before) as dying, pytest.raises(Killed):
        delete_tenant(dying, actor=owner.actor, confirm_name=NAME)
    queue.wakes.clear()
    with kernel.unscoped_session("test lets time pass") as session:
        session.connection().execute(text("UPDATE connection SET lease_until = NULL, lease_token = NULL"))
    sweep(kernel)
    assert owner.actor.tenant_id in {wake.tenant_id for wake in queue.wakes if wake.job == "delete_tenant"}
    finish_deletion(kernel, tenant_id=owner.actor.tenant_id)
    assert rows_of(kernel, owner.actor) == {}
