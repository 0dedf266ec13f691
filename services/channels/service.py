"""Which channels the agent answers in, and how: shown, searched and set. A rule holds from the next message on."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from models import ChannelListing, ChannelMode, ChannelPolicy, Connection
from services import audit, connections
from services.channels import repository
from services.channels.listing import get_connection, keep_channels
from services.channels.views import ChannelPage, ChannelView, DefaultView, HeardView, ListingView
from services.kernel.db import UnitOfWork
from services.kernel.errors import InvalidInput, NotFound
from services.kernel.kernel import Kernel
from services.kernel.paging import read_key, write_key
from services.provider_kit import registry
from services.provider_kit.contract import SharedChannelPage
from services.tenants import Actor, Permission, require

MAX_ID_CHARACTERS = 80


def list_channels(
    kernel: Kernel, *, actor: Actor, connection_id: UUID, query: str = "", cursor: str = "", limit: int = 50
) -> ChannelPage:
    """Return a connection's channels by name, from what was listed last, with what the agent does in each.

    Args:
        kernel: the process's seams.
        actor: who asks.
        connection_id: whose channels.
        query: part of a name, or an id; ``#`` may lead.
        cursor: ``next_cursor`` of the page before.
        limit: most items, 1 to 100.

    Raises:
        InvalidInput, NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    size = max(1, min(limit, 100))
    asked = query.strip().lstrip("#")[:MAX_ID_CHARACTERS]
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = get_connection(work, connection_id)
        default = repository.list_defaults(work, [connection_id]).get(connection_id)
        names = repository.agent_names(work)
        rows = repository.list_page(work, connection_id, query=asked, after=read_key(cursor), limit=size + 1)
        total = repository.count(work, connection_id, query=asked)
        listing = repository.find_listing(work, connection_id)
    return ChannelPage(
        default=_default_view(default, connection, names),
        listing=_listing_view(listing),
        channels=tuple(_view(row, default, connection, names) for row in rows[:size]),
        total=total,
        next_cursor=write_key(rows[size - 1].id, rows[size - 1].name.lower()) if len(rows) > size else "",
    )


def list_heard(
    kernel: Kernel, *, actor: Actor, connection_ids: Sequence[UUID], limit: int = 50
) -> tuple[HeardView, ...]:
    """Return the channels that agents are in, with their rules, for the cards.

    Raises:
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        defaults = repository.list_defaults(work, connection_ids)
        names = repository.agent_names(work)
        owners = {id: repository.find_connection(work, id) for id in connection_ids}
        rows = repository.list_heard(work, connection_ids, limit=limit)
    return tuple(
        _heard(row, _view(row, defaults.get(row.connection_id), owner, names))
        for row in rows
        if (owner := owners[row.connection_id])
    )


def set_policy(
    kernel: Kernel, *, actor: Actor, connection_id: UUID, channel_id: UUID, mode: str, agent_id: UUID | None = None
) -> ChannelView:
    """Say what the agent answers in a channel, and which agent.

    Args:
        kernel: the process's seams.
        actor: who says so.
        connection_id: whose channel.
        channel_id: which one.
        mode: ``all``, ``mentions`` or ``off``; empty for the default's.
        agent_id: who answers; None for the default's agent.

    Raises:
        InvalidInput, NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = get_connection(work, connection_id)
        row = repository.lock_policy(work, connection_id, channel_id)
        if row is None or not row.external_id:
            raise NotFound("There is no such channel. Look for it again.", code="unknown_channel")
        _change(kernel, work, actor, row, mode=_read_mode(mode), agent_id=agent_id)
        default = repository.list_defaults(work, [connection_id]).get(connection_id)
        return _view(row, default, connection, repository.agent_names(work))


def set_default(
    kernel: Kernel, *, actor: Actor, connection_id: UUID, mode: str, agent_id: UUID | None = None
) -> DefaultView:
    """Say what holds in channels without a rule of their own.

    Args:
        kernel: the process's seams.
        actor: who says so.
        connection_id: whose channels.
        mode: ``all``, ``mentions`` or ``off``.
        agent_id: who answers; None for the connection's agent.

    Raises:
        InvalidInput, NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = get_connection(work, connection_id)
        chosen = _read_mode(mode)
        if chosen is None:
            raise InvalidInput(f"Use one of {', '.join(ChannelMode)}.", field="mode")
        row = repository.lock_default(work, connection_id)
        if row is None:
            raise NotFound("This connection has no channels to choose.", code="no_channels")
        _change(kernel, work, actor, row, mode=chosen, agent_id=agent_id)
        return _default_view(row, connection, repository.agent_names(work))


def add_channel(kernel: Kernel, *, actor: Actor, connection_id: UUID, external_id: str) -> ChannelView:
    """Take in one channel by the provider's id, without waiting for the whole list.

    Raises:
        InvalidInput: the id is empty or too long.
        Refused: the provider knows no such channel, or the agent cannot see it.
        NeedsReauth, RetryLater, Conflict, NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    wanted = external_id.strip()
    if not wanted or len(wanted) > MAX_ID_CHARACTERS:
        raise InvalidInput("Paste the channel's id, as the provider shows it.", field="external_id")

    def open_client(work: UnitOfWork) -> tuple[Connection, Any]:
        connection = connections.get_open_row(work, get_connection(work, connection_id).id)
        return connection, connections.open_client(kernel, work, connection)

    connection, client = connections.with_fresh_token(kernel, tenant_id=actor.tenant_id, attempt=open_client)
    found = registry.shared(connection.provider).get_channel(client, wanted)
    now = kernel.clock.now()
    with kernel.unit_of_work(actor.tenant_id) as work:
        keep_channels(work, connection_id, SharedChannelPage(channels=(found,)), now=now)
        row = repository.find_by_external_ids(work, connection_id, [found.id])[found.id]
        work.notify("connection", connection_id)
        default = repository.list_defaults(work, [connection_id]).get(connection_id)
        return _view(row, default, connection, repository.agent_names(work))


def _change(
    kernel: Kernel,
    work: UnitOfWork,
    actor: Actor,
    row: ChannelPolicy,
    *,
    mode: ChannelMode | None,
    agent_id: UUID | None,
) -> None:
    if agent_id is not None and agent_id not in repository.agent_names(work):
        raise NotFound("There is no such agent. Choose one from the list.", code="unknown_agent")
    if (row.mode, row.agent_id) == (mode, agent_id):
        return
    row.mode, row.agent_id, row.updated_at = mode, agent_id, kernel.clock.now()
    work.session.add(row)
    work.session.flush()
    audit.record(
        work,
        actor=actor,
        action="channel.policy_set",
        object_kind="connection",
        object_id=row.connection_id,
        detail={
            "channel": row.external_id or "default",
            "name": row.name,
            "mode": mode.value if mode else "",
            "agent_id": str(agent_id) if agent_id else None,
        },
    )
    work.notify("connection", row.connection_id)


def _read_mode(mode: str) -> ChannelMode | None:
    if not mode:
        return None
    try:
        return ChannelMode(mode)
    except ValueError:
        raise InvalidInput(f"Use one of {', '.join(ChannelMode)}.", field="mode") from None


def _view(
    row: ChannelPolicy, default: ChannelPolicy | None, connection: Connection, names: dict[UUID, str]
) -> ChannelView:
    fallback = _default_view(default, connection, names)
    return ChannelView(
        id=row.id,
        external_id=row.external_id,
        name=row.name or row.external_id,
        is_private=row.is_private,
        is_member=row.is_member,
        people_count=row.people_count,
        mode=row.mode.value if row.mode else "",
        effective_mode=row.mode.value if row.mode else fallback.mode,
        agent_id=row.agent_id,
        agent_name=names.get(row.agent_id, "") if row.agent_id else fallback.agent_name,
    )


def _heard(row: ChannelPolicy, view: ChannelView) -> HeardView:
    return HeardView(
        connection_id=row.connection_id, name=view.name, mode=view.effective_mode, agent_name=view.agent_name
    )


def _default_view(row: ChannelPolicy | None, connection: Connection, names: dict[UUID, str]) -> DefaultView:
    agent_id = row.agent_id if row else None
    answers = agent_id or connection.agent_id
    return DefaultView(
        mode=row.mode.value if row and row.mode else ChannelMode.MENTIONS.value,
        agent_id=agent_id,
        agent_name=names.get(answers, "") if answers else "",
    )


def _listing_view(row: ChannelListing | None) -> ListingView:
    if row is None:
        return ListingView(is_running=False, count=0, finished_at=None, error_text="")
    return ListingView(
        is_running=row.began_at is not None or row.finished_at is None,
        count=row.listed_count,
        finished_at=row.finished_at,
        error_text=row.error_text,
    )
