"""P9: how fast secrets are re-encrypted while others open and seal them.

Keeps many secrets of one tenant, lets other processes use them as webhooks, sends and refreshes do, and rotates the
data key. The time counts from when the new key seals until no secret is left under the old one; before that a rotation
waits until every process has opened the new key, which has nothing to do with how many secrets there are. A secret
that does not open, or one that is left under the old key, is a failure whatever the speed.
"""

import multiprocessing
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from uuid import UUID

from sqlalchemy import insert
from sqlmodel import col, select

from benchmarks.bench import Bench
from benchmarks.figures import magnitude, median, spread
from benchmarks.report import Finding
from models import Connection, ConnectionStatus, Credential, Role, RotationState
from services import vault
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel, build_kernel
from services.kernel.secret import Secret
from services.kernel.settings import Settings
from services.kernel.vault import Place
from services.kernel.vault import seal as seal_value
from services.tenants import Actor, bootstrap
from services.vault import columns, repository
from services.vault.plan import Act
from services.vault.service import open_key
from services.vault.steps import Pass, take_step

_GOAL = 5_000
_USERS = 2
_INSERT_ROWS = 2000
_USED_ROWS = 500
_PATIENCE_SECONDS = 120.0
_REST_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Use:
    """What one process did with the secrets meanwhile."""

    opened: int
    sealed: int
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Took:
    """How many seconds a rotation took."""

    waiting: float
    """Until the new key seals."""
    moving: float
    """From then on until all secrets are under it."""
    processor: float
    """Of this process meanwhile; the database's comes on top."""


class Damaged(Exception):
    """A secret could not be opened, or was left under the old key."""


def measure(bench: Bench) -> list[Finding]:
    """Rotate under load."""
    kernel, rows = bench.stage.kernel, bench.plan.rows
    result = bootstrap(kernel, email="owner@rotation.example", tenant="Rotation")
    actor = Actor(tenant_id=result.tenant_id, kind="system", id=None, label="bench", role=Role.OWNER)
    in_use = keep_secrets(kernel, actor.tenant_id, rows)
    uses, rounds = rotate_under_load(kernel, actor, in_use, users=_USERS, rounds=bench.plan.rounds)
    _check(kernel, actor, uses)
    return [_finding(rows, rounds, uses)]


def _finding(rows: int, rounds: Sequence[Took], uses: Sequence[Use]) -> Finding:
    rates = [rows / took.moving for took in rounds]
    opened = sum(use.opened for use in uses) / sum(took.waiting + took.moving for took in rounds)
    each = median([took.processor for took in rounds]) / rows * 1e6
    return Finding(
        goal_id="P9",
        measure=f"Key rotation with traffic on, {rows:,} secrets",
        goal=f"≥ {_GOAL:,} rows/s",
        result=f"{median(rates):,.0f} rows/s",
        met=median(rates) >= _GOAL,
        spread=spread(rates, form=",.0f", unit=" rows/s"),
        absolute=f"{magnitude(each, ' µs')} of processor time each, without the database's;"
        f" meanwhile {magnitude(opened, ' opened/s')} by {_USERS} processes;"
        f" the new key was known everywhere after {median([took.waiting for took in rounds]):.1f} s",
        rounds=len(rounds),
    )


def _check(kernel: Kernel, actor: Actor, uses: Sequence[Use]) -> None:
    with kernel.unit_of_work(actor.tenant_id) as work:
        counts = columns.count_by_key(work.session, tenant_id=actor.tenant_id)
        rotation = repository.find_last_rotation(work.session, tenant_id=actor.tenant_id)
    assert rotation is not None, "it was started above"
    left = sum(count for key_id, count in counts.items() if key_id != rotation.new_key_id)
    errors = [error for use in uses for error in use.errors]
    if errors or left or rotation.state is not RotationState.RETIRED:
        raise Damaged(f"{len(errors)} errors, {left} rows on older keys, {rotation.state}: {errors[:3]}")


def rotate_under_load(
    kernel: Kernel, actor: Actor, in_use: Sequence[UUID], *, users: int, rounds: int
) -> tuple[list[Use], list[Took]]:
    """Rotate again and again while other processes use the secrets.

    Returns:
        What they did, and how long each rotation took.
    """
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(users) as pool:
        stopping, started = manager.Event(), [manager.Event() for _ in range(users)]
        uses = [
            pool.apply_async(use_secrets, (kernel.settings, actor.tenant_id, in_use, event, stopping))
            for event in started
        ]
        for event in started:
            event.wait(_PATIENCE_SECONDS)
        took = [_rotate(kernel, actor) for _ in range(rounds)]
        stopping.set()
        return [use.get(_PATIENCE_SECONDS) for use in uses], took


def _rotate(kernel: Kernel, actor: Actor) -> Took:
    """Take the product's steps one after the other, as its job does."""
    began = promoted = time.perf_counter()
    processor = time.process_time()
    vault.start_rotation(kernel, actor=actor)
    with kernel.unit_of_work(actor.tenant_id) as work:
        rotation = repository.find_last_rotation(work.session, tenant_id=actor.tenant_id)
    assert rotation is not None, "it was started above"
    walk, state = Pass(), RotationState.ADDED
    while state is not RotationState.RETIRED and time.perf_counter() - began < _PATIENCE_SECONDS:
        step = take_step(kernel, tenant_id=actor.tenant_id, rotation_id=rotation.id, walk=walk)
        state = step.state
        if step.act is Act.PROMOTE:
            promoted, processor = time.perf_counter(), time.process_time()
        elif step.is_at_rest:
            time.sleep(_REST_SECONDS)
    return Took(
        waiting=promoted - began,
        moving=time.perf_counter() - promoted,
        processor=time.process_time() - processor,
    )


def use_secrets(settings: Settings, tenant_id: UUID, in_use: Sequence[UUID], started: Event, stopping: Event) -> Use:
    """Open secrets, one a unit of work as a send does, and now and then replace one as a refresh does."""
    kernel = build_kernel(settings)
    opened = sealed = 0
    errors: list[str] = []
    started.set()
    while not stopping.is_set():
        row_id = random.choice(in_use)
        try:
            with kernel.unit_of_work(tenant_id) as work:
                statement = select(Credential).where(col(Credential.tenant_id) == tenant_id)
                row = work.session.exec(statement.where(col(Credential.id) == row_id)).one()
                vault.reveal(work, kernel, table="credential", column="sealed", row_id=row_id, sealed=row.sealed)
                opened += 1
                if opened % 20 == 0:
                    row.sealed = vault.seal(
                        work,
                        kernel,
                        table="credential",
                        column="sealed",
                        row_id=row_id,
                        secret=Secret(f"xoxb-replaced-{opened}"),
                    )
                    sealed += 1
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
    kernel.close()
    return Use(opened, sealed, tuple(errors))


def keep_secrets(kernel: Kernel, tenant_id: UUID, rows: int) -> list[UUID]:
    """Keep that many secrets of one connection; return the ids of some, spread over all, for use."""
    connection_id, now = new_id(), kernel.clock.now()
    with kernel.unit_of_work(tenant_id) as work:
        key_row = repository.find_primary_key(work.session, tenant_id=tenant_id)
        assert key_row is not None
        key = open_key(kernel, key_row)
        work.session.add(
            Connection(
                tenant_id=tenant_id,
                id=connection_id,
                provider="slack",
                status=ConnectionStatus.ACTIVE,
                auth_scheme="keys",
                created_at=now,
                updated_at=now,
            )
        )
    ids = [new_id() for _ in range(rows)]
    for first in range(0, rows, _INSERT_ROWS):
        values = [
            {
                "tenant_id": tenant_id,
                "id": row_id,
                "connection_id": connection_id,
                "name": str(row_id),
                "sealed": seal_value(
                    Secret(f"xoxb-{row_id}-{row_id}"), key=key, place=Place(tenant_id, "credential", "sealed", row_id)
                ),
                "hint": "",
                "updated_at": now,
            }
            for row_id in ids[first : first + _INSERT_ROWS]
        ]
        with kernel.unit_of_work(tenant_id) as work:
            work.session.connection().execute(insert(Credential), values)
    return ids[:: max(1, rows // _USED_ROWS)]
