"""Where an agent's conversations take place, seen from our side: numbers, mailboxes, channels."""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from models import ConversationState
from services.conversations import place_repository
from services.conversations.place_repository import PlaceCount
from services.conversations.reading import CHANNELS, OPEN_STATES, channel_name
from services.conversations.views import PlaceView
from services.kernel.kernel import Kernel
from services.provider_kit.contract import ChannelKind
from services.tenants import Actor, Permission, require

_FILTER_OF: Mapping[str, str] = MappingProxyType({kind: name for name, kinds in CHANNELS.items() for kind in kinds})
COUNTED_MOST = 10_000
_WITHOUT_ADDRESS = (ChannelKind.SLACK_DM.value, ChannelKind.CHAT.value)


def list_places(
    kernel: Kernel, *, actor: Actor, agent_id: UUID, among_latest: int = COUNTED_MOST
) -> tuple[PlaceView, ...]:
    """Return the places where an agent has conversations, by channel and name, with how many there are.

    Args:
        kernel: the process's seams.
        actor: who asks.
        agent_id: whose.
        among_latest: of how many conversations; older ones are neither counted nor is their place named.

    Raises:
        Forbidden
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = place_repository.count_by_place(
            work, agent_id, without_address=_WITHOUT_ADDRESS, among_latest=among_latest
        )
    places: dict[tuple[str, str], list[PlaceCount]] = {}
    for row in rows:
        places.setdefault((row.channel_kind, row.channel_id), []).append(row)
    views = (_view(found) for found in places.values())
    return tuple(sorted(views, key=lambda view: (view.channel, view.label)))


def _view(rows: list[PlaceCount]) -> PlaceView:
    first = rows[0]
    counts = {row.state: row.count for row in rows}
    is_channel = first.channel_kind == ChannelKind.SLACK_CHANNEL
    return PlaceView(
        channel=_FILTER_OF.get(first.channel_kind, ""),
        address=first.channel_id,
        label=channel_name(first.channel_kind, first.channel_name)
        if is_channel or not first.channel_id
        else first.channel_id,
        open=sum(counts.get(state, 0) for state in OPEN_STATES),
        waiting=counts.get(ConversationState.WAITING, 0),
        closed=counts.get(ConversationState.CLOSED, 0) + counts.get(ConversationState.ARCHIVED, 0),
    )
