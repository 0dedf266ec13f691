"""The bypass catalogue: ways a statement can be written, and which net has to stop each.

``guard``: what the guard on the SQL does. ``rls``: whether row-level security alone holds. ``bare``: what happens
with neither, so that a shape that could not leak anyway proves nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    text,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.orm import aliased, make_transient_to_detached
from sqlmodel import Session, col

from models import Agent, AgentStatus, Contact, PlaybookEntry, metadata
from services.kernel.ids import new_id
from tests.integration.isolation.world import World

Guard = Literal["refuses", "allows", "cannot see"]
Rls = Literal["holds", "can be talked out of it"]
Bare = Literal["leaks", "holds"]
Run = Callable[[Session, World], Iterable[object]]

AGENT = metadata.tables["agent"]
CONTACT = metadata.tables["contact"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One way to write a statement."""

    name: str
    run: Run
    guard: Guard
    rls: Rls = "holds"
    bare: Bare = "leaks"


CATALOGUE: list[Shape] = []


def shape(
    *, guard: Guard, rls: Rls = "holds", bare: Bare = "leaks", name: str = ""
) -> Callable[[Callable[[Session, World], object]], Callable[[Session, World], object]]:
    """Add a function to the catalogue under its name."""

    def add(function: Callable[[Session, World], object]) -> Callable[[Session, World], object]:
        def run(session: Session, world: World) -> Iterable[object]:
            found = function(session, world)
            return cast("list[object]", found) if isinstance(found, list) else [found]

        words = name or function.__name__.strip("_").replace("_", " ")
        CATALOGUE.append(Shape(name=words, run=run, guard=guard, rls=rls, bare=bare))
        return function

    return add


def written(
    sql: str, name: str, *, guard: Guard = "refuses", rls: Rls = "holds", bare: Bare = "leaks", raw: bool = False
) -> None:
    """Add SQL as somebody might write it; ``:name`` binds a value of the world, ``raw`` goes to the driver as it is."""

    def run(session: Session, world: World) -> Iterable[object]:
        if raw:
            ready = sql
            for key, value in world.parameters().items():
                ready = ready.replace(f"<{key}>", str(value))
            result = session.connection().exec_driver_sql(ready)
        else:
            given = {key: value for key, value in world.parameters().items() if f":{key}" in sql}
            result = session.connection().execute(text(sql), given)
        return list(result.all()) if result.returns_rows else []

    CATALOGUE.append(Shape(name=name, run=run, guard=guard, rls=rls, bare=bare))


def _all(session: Session, statement: Any) -> list[object]:
    result = session.connection().execute(statement)
    return list(result.all()) if result.returns_rows else []


# What the product does all day: let through, and only own rows come back.


@shape(guard="allows", bare="holds")
def orm_select_of_own_rows(session: Session, world: World) -> object:
    return [agent.name for agent in session.scalars(select(Agent).where(col(Agent.tenant_id) == world.a))]


@shape(guard="allows", bare="holds")
def get_by_mapping(session: Session, world: World) -> object:
    found = session.get(Agent, {"tenant_id": world.a, "id": world.agent_a})
    return found and found.name


@shape(guard="allows", bare="holds")
def join_tied_through_equality(session: Session, world: World) -> object:
    same = (col(PlaybookEntry.tenant_id) == col(Agent.tenant_id)) & (col(PlaybookEntry.agent_id) == col(Agent.id))
    statement = select(col(PlaybookEntry.answer)).join(Agent, same).where(col(Agent.tenant_id) == world.a)
    return list(session.scalars(statement))


@shape(guard="allows", bare="holds")
def left_join_tied_in_its_on(session: Session, world: World) -> object:
    statement = (
        select(col(Agent.name), col(Contact.name))
        .join(Contact, col(Contact.tenant_id) == col(Agent.tenant_id), isouter=True)
        .where(col(Agent.tenant_id) == world.a)
    )
    return _all(session, statement)


@shape(guard="allows", bare="holds")
def correlated_exists(session: Session, world: World) -> object:
    inner = exists().where(col(PlaybookEntry.tenant_id) == col(Agent.tenant_id))
    return _all(session, select(col(Agent.name)).where(col(Agent.tenant_id) == world.a, inner))


@shape(guard="allows", bare="holds")
def union_of_own_rows(session: Session, world: World) -> object:
    halves = [select(table.c.name).where(table.c.tenant_id == world.a) for table in (AGENT, CONTACT)]
    return _all(session, union_all(*halves))


@shape(guard="allows", bare="holds")
def cte_of_own_rows(session: Session, world: World) -> object:
    mine = select(AGENT.c.name).where(AGENT.c.tenant_id == world.a).cte("mine")
    return _all(session, select(mine.c.name))


@shape(guard="allows", bare="holds")
def insert_update_delete_of_own_rows(session: Session, world: World) -> object:
    now = datetime.now(UTC)
    contact = Contact(tenant_id=world.a, id=new_id(), name="OWN guest", created_at=now)
    session.add(contact)
    session.flush()
    contact.name = "OWN friend"
    session.flush()
    session.delete(contact)
    session.flush()
    return contact.name


@shape(guard="allows", bare="holds")
def many_rows_at_once(session: Session, world: World) -> object:
    now = datetime.now(UTC)
    session.add_all(
        [
            PlaybookEntry(
                tenant_id=world.a,
                id=new_id(),
                agent_id=world.agent_a,
                position=position,
                question="OWN",
                answer="OWN",
                created_at=now,
            )
            for position in range(30)
        ]
    )
    session.flush()
    return "OWN"


@shape(guard="allows", bare="holds")
def savepoint(session: Session, world: World) -> object:
    with session.begin_nested():
        return list(session.scalars(select(col(Agent.name)).where(col(Agent.tenant_id) == world.a)))


@shape(guard="allows", bare="holds")
def upsert_on_own_key(session: Session, world: World) -> object:
    statement = pg_insert(AGENT).values(
        tenant_id=world.a,
        id=world.agent_a,
        name="OWN agent",
        purpose="",
        instructions="",
        model="",
        status="active",
        created_at=datetime.now(UTC),
        updated_at=datetime.now(UTC),
    )
    return _all(
        session,
        statement.on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"purpose": "new"}).returning(
            AGENT.c.name
        ),
    )


written("SELECT name FROM agent WHERE :a = tenant_id", "sides swapped", guard="allows", bare="holds")
written("SELECT name FROM agent WHERE tenant_id = CAST(:a AS uuid)", "bound and cast", guard="allows", bare="holds")
written("select Name from Agent A where a.Tenant_Id = :a", "mixed case", guard="allows", bare="holds")
written('SELECT name FROM "public"."agent" WHERE "agent"."tenant_id" = :a', "quoted", guard="allows", bare="holds")
written(
    "SELECT 'FROM contact', name FROM agent WHERE tenant_id = :a", "names in a string", guard="allows", bare="holds"
)
written(
    "SELECT c.name FROM agent a, LATERAL (SELECT name FROM contact WHERE tenant_id = a.tenant_id) c"
    " WHERE a.tenant_id = :a",
    "lateral tied to the row beside it",
    guard="allows",
    bare="holds",
)
written(
    "WITH gone AS (DELETE FROM playbook_entry WHERE tenant_id = :a RETURNING answer) SELECT answer FROM gone",
    "own rows deleted in a cte",
    guard="allows",
    bare="holds",
)


# The object-relational mapper.


@shape(guard="refuses")
def orm_select_without_tenant(session: Session, world: World) -> object:
    return [agent.name for agent in session.scalars(select(Agent))]


@shape(guard="refuses")
def get_of_a_foreign_key(session: Session, world: World) -> object:
    found = session.get(Agent, {"tenant_id": world.b, "id": world.agent_b})
    return found and found.name


@shape(guard="refuses")
def refresh_of_a_foreign_object(session: Session, world: World) -> object:
    stray = _foreign_agent(world)
    _pretend_persistent(session, stray)
    session.refresh(stray)
    return stray.name


@shape(guard="refuses")
def flush_of_a_changed_foreign_object(session: Session, world: World) -> object:
    stray = _foreign_agent(world)
    _pretend_persistent(session, stray)
    stray.purpose = "taken over"
    session.flush()
    return ""


@shape(guard="refuses")
def delete_of_a_foreign_object(session: Session, world: World) -> object:
    stray = _foreign_agent(world)
    _pretend_persistent(session, stray)
    session.delete(stray)
    session.flush()
    return ""


@shape(guard="refuses")
def merge_of_a_foreign_object(session: Session, world: World) -> object:
    stray = _foreign_agent(world)
    stray.purpose = "merged"
    session.merge(stray)
    session.flush()
    return ""


@shape(guard="refuses")
def insert_with_a_foreign_tenant(session: Session, world: World) -> object:
    session.add(Contact(tenant_id=world.b, id=new_id(), name="planted", created_at=datetime.now(UTC)))
    session.flush()
    return ""


@shape(guard="refuses")
def one_foreign_row_among_many(session: Session, world: World) -> object:
    now = datetime.now(UTC)
    tenants = [world.a] * 5 + [world.b] + [world.a] * 5
    session.add_all([Contact(tenant_id=tenant, id=new_id(), name="one of many", created_at=now) for tenant in tenants])
    session.flush()
    return ""


@shape(guard="refuses")
def moving_an_object_to_another_tenant(session: Session, world: World) -> object:
    own = session.scalars(select(Contact).where(col(Contact.tenant_id) == world.a)).one()
    own.tenant_id = world.b
    session.flush()
    return ""


@shape(guard="refuses")
def bulk_update_by_key(session: Session, world: World) -> object:
    OrmSession.execute(session, update(Agent), [{"tenant_id": world.b, "id": world.agent_b, "purpose": "taken over"}])
    return ""


@shape(guard="refuses")
def orm_from_statement_text(session: Session, world: World) -> object:
    return [agent.name for agent in session.scalars(select(Agent).from_statement(text("SELECT * FROM agent")))]


@shape(guard="refuses")
def orm_aliased_left_open(session: Session, world: World) -> object:
    other = aliased(Agent)
    statement = select(col(other.name)).join(Agent, true()).where(col(Agent.tenant_id) == world.a)
    return list(session.scalars(statement))


@shape(guard="refuses")
def count_without_tenant(session: Session, world: World) -> object:
    return list(session.scalars(select(func.string_agg(col(Agent.name), ", "))))


# SQLAlchemy Core.


@shape(guard="refuses")
def select_of_a_table(session: Session, world: World) -> object:
    return _all(session, select(AGENT.c.name))


@shape(guard="refuses")
def core_update_without_tenant(session: Session, world: World) -> object:
    return _all(session, update(AGENT).values(purpose="taken over"))


@shape(guard="refuses")
def core_update_by_id_only(session: Session, world: World) -> object:
    return _all(session, update(AGENT).where(AGENT.c.id == world.agent_b).values(purpose="taken over"))


@shape(guard="refuses")
def core_delete_by_id_only(session: Session, world: World) -> object:
    return _all(session, delete(AGENT).where(AGENT.c.id == world.agent_b))


@shape(guard="refuses")
def core_bound_to_the_foreign_tenant(session: Session, world: World) -> object:
    return _all(session, select(AGENT.c.name).where(AGENT.c.tenant_id == world.b))


@shape(guard="refuses")
def list_of_tenants(session: Session, world: World) -> object:
    return _all(session, select(AGENT.c.name).where(AGENT.c.tenant_id.in_([world.a, world.b])))


@shape(guard="refuses")
def many_parameter_sets_with_one_foreign(session: Session, world: World) -> object:
    statement = update(AGENT).where(AGENT.c.tenant_id == bindparam("tenant")).values(purpose="taken over")
    session.connection().execute(statement, [{"tenant": world.a}, {"tenant": world.b}])
    return ""


@shape(guard="refuses")
def insert_from_select(session: Session, world: World) -> object:
    source = select(CONTACT.c.tenant_id, func.gen_random_uuid(), CONTACT.c.name, CONTACT.c.created_at)
    return _all(session, insert(CONTACT).from_select(["tenant_id", "id", "name", "created_at"], source))


@shape(guard="refuses")
def upsert_that_moves_a_row(session: Session, world: World) -> object:
    statement = pg_insert(CONTACT).values(
        tenant_id=world.a, id=world.contact_a, name="OWN", created_at=datetime.now(UTC)
    )
    return _all(
        session,
        statement.on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"tenant_id": world.b}),
    )


@shape(guard="refuses")
def upsert_on_a_key_that_tenants_share(session: Session, world: World) -> object:
    keys = metadata.tables["api_key"]
    statement = pg_insert(keys).values(
        tenant_id=world.a,
        id=new_id(),
        name="mine",
        role="owner",
        prefix="pb_live_",
        token_hash="FOREIGN hash",
        created_at=datetime.now(UTC),
    )
    return _all(session, statement.on_conflict_do_update(index_elements=["token_hash"], set_={"name": "taken over"}))


@shape(guard="refuses")
def literal_instead_of_a_bound_value(session: Session, world: World) -> object:
    mine: ColumnElement[UUID] = literal_column(f"'{world.b}'::uuid")
    return _all(session, select(AGENT.c.name).where(AGENT.c.tenant_id == mine))


# SQL as text.

written("SELECT name FROM agent", "plain text")
written("SELECT name FROM agent", "plain text to the driver", raw=True)
written("SELECT name FROM AGENT", "upper case")
written('SELECT name FROM "agent"', "quoted without tenant")
written('SELECT name FROM "public"."agent"', "quoted with schema")
written("SELECT name FROM public.agent", "with schema")
written("SELECT name FROM patchbay_unknown_view", "a view nobody declared", bare="holds")
written('SELECT name FROM U&"\\0061gent"', "identifier in code points", raw=True)
written("SELECT name FROM agent WHERE tenant_id = '<b>'", "literal in text", raw=True)
written("SELECT name FROM agent WHERE tenant_id = tenant_id", "equal to itself")
written("SELECT name FROM agent a WHERE a.tenant_id = a.tenant_id AND :a = :a", "equal to itself with an alias")
written("SELECT name FROM agent WHERE tenant_id = :a OR true", "or")
written("SELECT name FROM agent WHERE tenant_id = :a OR tenant_id = :b", "or the other tenant")
written("SELECT name FROM agent WHERE NOT tenant_id = :a", "not")
written("SELECT name FROM agent WHERE NOT (tenant_id = :a AND false)", "not and")
written("SELECT name FROM agent WHERE tenant_id <> :a", "unequal")
written("SELECT name FROM agent WHERE tenant_id IN (:a, :b)", "in list")
written("SELECT name FROM agent WHERE tenant_id = ANY(ARRAY[CAST(:a AS uuid), CAST(:b AS uuid)])", "any of an array")
written("SELECT name FROM agent WHERE CASE WHEN tenant_id = :a THEN true ELSE true END", "case")
written("SELECT name FROM agent WHERE (tenant_id = :a) IS NOT NULL", "is not null")
written("SELECT name FROM agent WHERE tenant_id = :a NOTNULL", "notnull binds last")
written("SELECT name FROM agent WHERE tenant_id = :a IS NOT UNKNOWN", "is not unknown binds last")
written("SELECT name FROM agent WHERE (SELECT tenant_id = :a) IS NOT NULL", "predicate in a scalar subquery")
written("SELECT name FROM agent WHERE coalesce(tenant_id = :a, true) OR id = :agent_b", "inside a function")
written("SELECT name, tenant_id = :a FROM agent", "predicate only in the select list")
written("SELECT max(name) FROM agent GROUP BY tenant_id HAVING tenant_id = :b", "predicate only in having")
written("SELECT name FROM agent ORDER BY tenant_id = :a", "predicate only in order by")
written("SELECT name /* WHERE tenant_id = :a */ FROM agent", "predicate in a comment")
written("SELECT name FROM agent /* /* */ WHERE tenant_id = '<a>' */", "predicate in nested comments", raw=True)
written("SELECT name FROM agent -- WHERE tenant_id = :a", "predicate in a line comment")
written("SELECT name FROM agent WHERE tenant_id = :a --\r OR true", "line comment ended by a carriage return")
written("SELECT name FROM agent WHERE 'tenant_id = :a' <> ''", "predicate in a string", guard="refuses")
written(
    "SELECT name FROM agent WHERE tenant_id = CAST(:a AS uuid) AND name <> E'\\' OR true --'",
    "string with a backslash",
    bare="holds",
)
written("SELECT name FROM agent WHERE name <> $x$ AND tenant_id = '<a>' $x$", "dollar quotes", raw=True)
written("SELECT 1; UPDATE agent SET purpose = 'taken over'", "second statement", raw=True)
written("TABLE agent", "table command")
written("SELECT * FROM (TABLE agent) t", "table command inside")
written("SELECT name FROM ONLY agent", "only")
written("SELECT name FROM agent TABLESAMPLE SYSTEM (100)", "sample")
written("SELECT a.name FROM (SELECT * FROM agent) a WHERE a.tenant_id = :b", "filter outside a subquery")
written("SELECT name FROM (SELECT name FROM agent) x, (SELECT CAST(:a AS uuid) AS tenant_id) y", "open subquery")
written("WITH x AS (SELECT * FROM agent) SELECT name FROM x WHERE tenant_id = :b", "filter outside a cte")
written("WITH agent AS (SELECT * FROM agent) SELECT name FROM agent", "cte named like the table")
written("WITH agent AS (SELECT 1) SELECT name FROM public.agent", "cte that hides nothing")
written("SELECT name FROM agent WHERE EXISTS (SELECT 1 FROM contact WHERE tenant_id = :a)", "uncorrelated exists")
written(
    "SELECT name FROM agent WHERE tenant_id = :a AND EXISTS (SELECT 1 FROM contact WHERE name LIKE 'FOREIGN%')",
    "exists on foreign rows",
    bare="holds",
)
written(
    "SELECT (SELECT max(c.name) FROM contact c WHERE c.tenant_id <> a.tenant_id) FROM agent a WHERE a.tenant_id = :a",
    "correlated by inequality",
)
written(
    "SELECT (SELECT max(c.name) FROM contact c, (SELECT CAST(:b AS uuid) AS tenant_id) a"
    " WHERE c.tenant_id = a.tenant_id) FROM agent a WHERE a.tenant_id = :a",
    "inner alias hides the outer table",
)
written(
    "SELECT (SELECT max(c.name) FROM contact c, unnest(ARRAY[CAST(:b AS uuid)]) AS a (tenant_id)"
    " WHERE c.tenant_id = a.tenant_id) FROM agent a WHERE a.tenant_id = :a",
    "inner function hides the outer table",
)
written(
    "SELECT (SELECT string_agg(agent.name, '') FROM contact agent_, agent WHERE agent.tenant_id = agent.tenant_id"
    " AND agent_.tenant_id = :a) FROM agent WHERE agent.tenant_id = :a",
    "inner table equal to itself under the outer's name",
)
written("SELECT name FROM agent WHERE tenant_id = :a UNION ALL SELECT name FROM agent", "union with an open half")
written("SELECT name FROM agent WHERE tenant_id = :a UNION SELECT name FROM contact WHERE tenant_id = :b", "union")
written("SELECT name FROM agent EXCEPT SELECT name FROM agent WHERE tenant_id = :a", "except takes only own rows away")
written("SELECT a.name FROM agent a LEFT JOIN contact c ON a.tenant_id = :a AND c.tenant_id = :a", "left join on")
written("SELECT c.name FROM agent a RIGHT JOIN contact c ON c.tenant_id = :a AND a.tenant_id = :a", "right join on")
written(
    "SELECT a.name, c.name FROM agent a FULL JOIN contact c ON a.tenant_id = c.tenant_id AND c.tenant_id = :a",
    "full join",
)
written("SELECT c.name FROM agent a CROSS JOIN contact c WHERE a.tenant_id = :a", "cross join")
written("SELECT c.name FROM agent a, contact c WHERE a.tenant_id = :a", "comma join")
written("SELECT c.name FROM agent a JOIN contact c ON true WHERE a.tenant_id = :a", "join on true")
written("SELECT c.name FROM agent a, LATERAL (SELECT name FROM contact) c WHERE a.tenant_id = :a", "open lateral")
written("SELECT c.name FROM contact AS c (x, tenant_id, name) WHERE c.tenant_id = :contact_b", "renamed columns")
written(
    "SELECT c.name FROM contact AS c (x, tenant_id, name), agent a WHERE a.tenant_id = :a AND c.tenant_id <> :a",
    "renamed columns beside an own table",
)
written("UPDATE agent SET purpose = 'x' FROM contact c WHERE c.tenant_id = :a", "update from")
written(
    "UPDATE agent SET purpose = (SELECT min(name) FROM contact) WHERE tenant_id = :a RETURNING purpose",
    "open subquery in an assignment",
)
written("UPDATE agent SET tenant_id = :b WHERE tenant_id = :a AND id = :agent_a", "update of the tenant", bare="holds")
written("UPDATE contact SET tenant_id = :b WHERE tenant_id = :a", "update of a childless row's tenant")
written(
    "UPDATE contact SET (tenant_id, name) = (CAST(:b AS uuid), 'planted') WHERE tenant_id = :a",
    "update of the tenant among others",
)
written("DELETE FROM playbook_entry USING agent WHERE agent.tenant_id = :a", "delete using")
written("DELETE FROM playbook_entry", "delete of everything")
written("WITH gone AS (DELETE FROM playbook_entry RETURNING answer) SELECT answer FROM gone", "delete inside a cte")
written(
    "WITH new AS (INSERT INTO contact (tenant_id, id, name, created_at) VALUES (:b, :fresh, 'planted', :now)"
    " RETURNING id) SELECT count(*) FROM new",
    "insert inside a cte",
)
written(
    "INSERT INTO contact (tenant_id, id, name, created_at) VALUES (:b, :fresh, 'planted', :now)", "insert for another"
)
written("INSERT INTO contact VALUES (:b, :fresh, 'planted', :now)", "insert without columns")
written(
    "INSERT INTO contact (id, tenant_id, name, created_at) SELECT :fresh, tenant_id, 'planted', :now FROM agent"
    " WHERE tenant_id <> :a",
    "insert select from foreign rows",
)
written(
    "INSERT INTO contact (tenant_id, id, name, created_at) SELECT * FROM (SELECT CAST(:b AS uuid), CAST(:fresh AS"
    " uuid), 'planted', CAST(:now AS timestamptz)) x",
    "insert select star",
)
written(
    "INSERT INTO contact (id, tenant_id, created_at, name) SELECT x.*, :a, 'planted' FROM"
    " (SELECT CAST(:fresh AS uuid), CAST(:b AS uuid)) x",
    "insert select with a star before the tenant",
    bare="holds",
)
written(
    "INSERT INTO contact (tenant_id, id, name, created_at) VALUES (:a, :fresh, (SELECT min(name) FROM agent), :now)"
    " RETURNING name",
    "insert of a foreign value",
    bare="leaks",
)
written(
    "INSERT INTO playbook_entry (tenant_id, id, agent_id, position, question, answer, created_at)"
    " VALUES (:a, :fresh, :agent_b, 0, '', '', :now)",
    "reference into another tenant",
    guard="allows",
    bare="holds",
)
written(
    "INSERT INTO api_key (tenant_id, id, name, role, prefix, token_hash, created_at)"
    " VALUES (:a, :fresh, 'mine', 'owner', '', 'FOREIGN hash', :now)"
    " ON CONFLICT (token_hash) DO UPDATE SET name = 'taken over'",
    "upsert on a shared key in text",
)
written(
    "INSERT INTO contact (tenant_id, id, name, created_at) VALUES (:a, :contact_a, '', :now)"
    " ON CONFLICT (tenant_id, id) DO UPDATE SET (tenant_id, name) = (CAST(:b AS uuid), 'planted')",
    "upsert that moves a row among others",
)
written("MERGE INTO contact USING (SELECT 1) x ON true WHEN MATCHED THEN UPDATE SET name = 'taken over'", "merge")
written("TRUNCATE playbook_entry", "truncate", bare="holds")
written("COPY agent TO '/dev/null'", "copy", raw=True, bare="holds")
written("LOCK TABLE agent", "lock", bare="holds")
written("EXPLAIN ANALYZE SELECT name FROM agent", "explain", bare="holds")
written("DO $$ BEGIN UPDATE agent SET purpose = 'taken over'; END $$", "do block", raw=True)
written("DO $$ BEGIN EXECUTE 'UPDATE ag' || 'ent SET purpose = ''taken over'''; END $$", "do block in pieces", raw=True)
written("PREPARE q AS SELECT name FROM agent", "prepare", raw=True, bare="holds")
written("DECLARE c CURSOR FOR SELECT name FROM agent", "cursor", raw=True, bare="holds")
written("CREATE TEMP TABLE mine AS SELECT name FROM agent RETURNING *", "create table as", raw=True, bare="holds")
written("SELECT name INTO TEMP mine FROM agent WHERE tenant_id = :a", "select into", bare="holds")
# The embedded PostgreSQL is built without XML; others are not.
written("SELECT query_to_xml('SELECT name FROM ag' || 'ent', true, false, '')", "sql inside a function", bare="holds")
written("SELECT table_to_xml(CAST('ag' || 'ent' AS regclass), true, false, '')", "table as an argument", bare="holds")
written("SELECT word FROM ts_stat('SELECT to_tsvector(''simple'', name) FROM ag' || 'ent')", "sql in a search function")
written(
    "SELECT set_config('patchbay.tenant_id', CAST(:b AS text), true)",
    "setting of the tenant by hand",
    rls="can be talked out of it",
    bare="holds",
)
written("SET LOCAL patchbay.unscoped = 'x'", "setting by command", rls="can be talked out of it", bare="holds")
written("RESET ROLE", "reset of the role", rls="can be talked out of it", bare="holds")
written("SELECT set_config('role', 'none', false)", "reset of the role by function", rls="holds", bare="holds")
written("SELECT most_common_vals FROM pg_stats WHERE tablename = 'agent'", "statistics", bare="holds")


@shape(guard="refuses", rls="can be talked out of it")
def security_talked_out_of_it(session: Session, world: World) -> object:
    session.connection().execute(text("SELECT set_config('patchbay.unscoped', 'x', true)"))
    return list(session.connection().execute(text("SELECT name FROM agent")).all())


@shape(guard="refuses")
def parameter_named_like_sql(session: Session, world: World) -> object:
    sql = "SELECT name FROM agent WHERE %(tenant_id = tenant_id)s = %(tenant_id = tenant_id)s"
    return list(session.connection().exec_driver_sql(sql, {"tenant_id = tenant_id": str(world.a)}).all())


@shape(guard="refuses")
def percent_signs_that_look_like_a_parameter(session: Session, world: World) -> object:
    sql = "SELECT name FROM agent WHERE 'tenant_id = %%(a)s' <> %(a)s"
    return list(session.connection().exec_driver_sql(sql, {"a": str(world.a)}).all())


@shape(guard="refuses", bare="holds")
def positional_parameters(session: Session, world: World) -> object:
    return list(session.connection().exec_driver_sql("SELECT name FROM agent WHERE tenant_id = %s", (world.a,)).all())


@shape(guard="cannot see")
def cursor_of_the_driver(session: Session, world: World) -> object:
    raw: Any = session.connection().connection.driver_connection
    with raw.cursor() as cursor:
        return list(cursor.execute("SELECT name FROM agent").fetchall())


@shape(guard="cannot see")
def copy_through_the_driver(session: Session, world: World) -> object:
    raw: Any = session.connection().connection.driver_connection
    with raw.cursor() as cursor, cursor.copy("COPY agent (name) TO STDOUT") as copied:
        return [bytes(part) for part in copied]


def _foreign_agent(world: World) -> Agent:
    now = datetime.now(UTC)
    return Agent(
        tenant_id=world.b,
        id=world.agent_b,
        name="FOREIGN agent",
        purpose="FOREIGN purpose",
        status=AgentStatus.ACTIVE,
        created_at=now,
        updated_at=now,
    )


def _pretend_persistent(session: Session, row: object) -> None:
    """Put a row into the session as if it had been read there."""
    make_transient_to_detached(row)
    session.add(row)
