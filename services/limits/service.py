"""Limits: shown with what is used of them, and set."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from models import Agent, AgentLimit, Excess, LimitGroup, LimitSpan
from services import audit
from services.connections.life import look_at_health
from services.connections.repository import find_connection
from services.kernel.db import UnitOfWork
from services.kernel.errors import InvalidInput, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.limiter import window_start
from services.limits import repository
from services.limits.alarms import raise_alarms_of_set
from services.limits.rules import AGENT_GROUPS, DEFAULTS, LABELS, LENGTHS, MOST, Rule, Used, limit_words, rule_of
from services.limits.views import AgentLimitsView, AlarmView, LimitDraft, LimitView, LimitWindowView
from services.tenants import Actor, Permission, require

_NUMBERS = ("per_minute", "per_hour", "per_day")
_Choice = TypeVar("_Choice", LimitGroup, Excess)


def get_agent_limits(kernel: Kernel, *, actor: Actor, agent_id: UUID) -> AgentLimitsView:
    """Return an agent's limits with what is used of them, and those of all agents together.

    Raises:
        NotFound, Forbidden
    """
    require(actor, Permission.AGENTS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        _agent(work, agent_id)
        return _agent_view(work, agent_id)


def set_agent_limits(kernel: Kernel, *, actor: Actor, agent_id: UUID, drafts: Sequence[LimitDraft]) -> AgentLimitsView:
    """Set an agent's limits; for groups that are left out, the defaults hold again. What waits is looked at again.

    Raises:
        InvalidInput: a value is wrong; ``field`` is ``<group>.<name>``, such as ``sms.per_hour``.
        NotFound, Forbidden
    """
    require(actor, Permission.AGENTS_EDIT)
    rules = _read(drafts, AGENT_GROUPS)
    with kernel.unit_of_work(actor.tenant_id) as work:
        agent = _agent(work, agent_id)
        if _save(kernel, work, actor, agent_id, rules, AGENT_GROUPS):
            audit.record(
                work,
                actor=actor,
                action="agent.limits_set",
                object_kind="agent",
                object_id=agent_id,
                detail={"name": agent.name, "groups": ", ".join(sorted(rules))},
            )
            work.notify("agent", agent_id)
        return _agent_view(work, agent_id)


def get_company_limit(kernel: Kernel, *, actor: Actor) -> LimitView:
    """Return what all agents together may send and do.

    Raises:
        Forbidden
    """
    require(actor, Permission.AGENTS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        return _company_view(work)


def set_company_limit(kernel: Kernel, *, actor: Actor, draft: LimitDraft | None) -> LimitView:
    """Set what all agents together may send and do; None lets the default hold again.

    Raises:
        InvalidInput: a value is wrong; ``field`` is ``all.<name>``.
        Forbidden
    """
    require(actor, Permission.AGENTS_EDIT)
    groups = (LimitGroup.ALL,)
    rules = _read([draft] if draft else [], groups)
    with kernel.unit_of_work(actor.tenant_id) as work:
        if _save(kernel, work, actor, None, rules, groups):
            audit.record(work, actor=actor, action="tenant.limits_set", object_kind="tenant", object_id=actor.tenant_id)
        return _company_view(work)


def list_alarms(
    work: UnitOfWork, connection_ids: Collection[UUID], *, now: datetime
) -> Mapping[UUID, tuple[AlarmView, ...]]:
    """Return connection id → the alarms about limits of what leaves through it."""
    found: dict[UUID, tuple[AlarmView, ...]] = {}
    for row, name in repository.list_alarms(work, connection_ids, now=now):
        view = AlarmView(
            agent_name=name or "",
            limit=limit_words(row.most, row.span, row.channel_group, agent=name or ""),
            used=row.used,
            most=row.most,
            excess=row.excess.value,
            began_at=row.resets_at - LENGTHS[row.span],
            raised_at=row.raised_at,
            resets_at=row.resets_at,
        )
        found[row.connection_id] = (*found.get(row.connection_id, ()), view)
    return found


def _agent(work: UnitOfWork, agent_id: UUID) -> Agent:
    agent = repository.find_agent(work, agent_id)
    if agent is None:
        raise NotFound("There is no such agent.")
    return agent


def _read(drafts: Sequence[LimitDraft], groups: Collection[LimitGroup]) -> Mapping[LimitGroup, Rule]:
    found: dict[LimitGroup, Rule] = {}
    for draft in drafts:
        group = _choose(LimitGroup, draft.group, field=f"{draft.group}.group")
        if group not in groups or group in found:
            raise InvalidInput(f"Name each of {', '.join(groups)} at most once.", field=f"{group.value}.group")
        minute, hour, day = (_number(draft, group, name) for name in _NUMBERS)
        excess = _choose(Excess, draft.excess, field=f"{group.value}.excess")
        found[group] = Rule(group=group, most=(minute, hour, day), excess=excess, is_default=False)
    return found


def _number(draft: LimitDraft, group: LimitGroup, name: str) -> int | None:
    value: int | None = getattr(draft, name)
    if value is not None and not 1 <= value <= MOST:
        raise InvalidInput(
            f"Enter a number from 1 to {MOST:,}, or leave it empty for no limit.", field=f"{group.value}.{name}"
        )
    return value


def _choose(choices: type[_Choice], value: str, *, field: str) -> _Choice:
    try:
        return choices(value)
    except ValueError as error:
        raise InvalidInput(f"Use one of {', '.join(choices)}.", field=field) from error


def _save(
    kernel: Kernel,
    work: UnitOfWork,
    actor: Actor,
    agent_id: UUID | None,
    rules: Mapping[LimitGroup, Rule],
    groups: Collection[LimitGroup],
) -> bool:
    """Store what was set; return whether it is something else than before."""
    rows = repository.list_limits(work, agent_id)
    changed = [
        group
        for group in groups
        if (group in rules) != (group in rows) or (group in rules and rules[group] != rule_of(rows[group], group))
    ]
    if not changed:
        return False
    repository.delete_limits(work, agent_id, [group for group in changed if group not in rules])
    for rule in (rules[group] for group in changed if group in rules):
        minute, hour, day = rule.most
        row = AgentLimit(
            tenant_id=work.tenant_id,
            id=new_id(),
            agent_id=agent_id,
            channel_group=rule.group,
            per_minute=minute,
            per_hour=hour,
            per_day=day,
            excess=rule.excess,
            updated_by=actor.label,
            updated_at=kernel.clock.now(),
        )
        repository.save_limit(work, row)
    _forget_alarms(kernel, work, agent_id, changed)
    for group in changed:
        rule = rules.get(group) or DEFAULTS[group]
        raise_alarms_of_set(work, agent_id, rule, now=kernel.clock.now())
    repository.let_waiting_try_again(work, agent_id)
    return True


def _forget_alarms(kernel: Kernel, work: UnitOfWork, agent_id: UUID | None, groups: Collection[LimitGroup]) -> None:
    for connection_id in set(repository.delete_alarms(work, agent_id, groups)):
        connection = find_connection(work.session, tenant_id=work.tenant_id, connection_id=connection_id)
        if connection:
            look_at_health(work, connection, now=kernel.clock.now())


def _agent_view(work: UnitOfWork, agent_id: UUID) -> AgentLimitsView:
    at = repository.database_time(work)
    rows = repository.list_limits(work, agent_id)
    used = repository.count_used(work, agent_id, at=at)
    return AgentLimitsView(
        agent_id=agent_id,
        limits=tuple(_view(rule_of(rows.get(group), group), used, at) for group in AGENT_GROUPS),
        company=_company_view(work),
    )


def _company_view(work: UnitOfWork) -> LimitView:
    at = repository.database_time(work)
    row = repository.list_limits(work, None).get(LimitGroup.ALL)
    return _view(rule_of(row, LimitGroup.ALL), repository.count_used(work, None, at=at), at)


def _view(rule: Rule, used: Mapping[LimitGroup, Used], at: datetime) -> LimitView:
    numbers = used.get(rule.group, (0, 0, 0))
    return LimitView(
        group=rule.group.value,
        label=LABELS[rule.group],
        excess=rule.excess.value,
        is_default=rule.is_default,
        windows=tuple(
            LimitWindowView(
                span=span.value,
                most=most,
                used=count,
                left=None if most is None else max(0, most - count),
                resets_at=window_start(at, LENGTHS[span]) + LENGTHS[span],
            )
            for span, most, count in zip(LimitSpan, rule.most, numbers, strict=True)
        ),
    )
