"""Fetches messages that a webhook only announced, outside any transaction."""

from typing import Any

from models import Connection, ConnectionStatus
from services import connections
from services.kernel.db import UnitOfWork
from services.kernel.errors import RetryLater
from services.kernel.kernel import Kernel
from services.provider_kit.contract import InboundEvent, MessageAnnounced
from services.provider_kit.registry import inbox

_OUT_OF_USE = (ConnectionStatus.PAUSED, ConnectionStatus.DISCONNECTED)


def fetch(kernel: Kernel, connection: Connection, event: InboundEvent) -> InboundEvent:
    """Return an event as it is, or the whole message in place of its announcement.

    Nothing is fetched for a connection that is out of use; the announcement then stays one.

    Raises:
        RetryLater: with the code ``waits_for_provider`` if the provider is not to be called now.
        NeedsReauth, RetryLater, Refused
    """
    if not isinstance(event, MessageAnnounced) or connection.status in _OUT_OF_USE:
        return event

    def open_client(work: UnitOfWork) -> Any:
        if wait := connections.wait_for_call(work, connection, may_probe=False):
            raise RetryLater(
                wait.words, code=connections.WAITS_FOR_PROVIDER, provider=connection.provider, after=wait.wait
            )
        return connections.open_client(kernel, work, connection)

    client = connections.with_fresh_token(kernel, tenant_id=connection.tenant_id, attempt=open_client)
    return inbox(connection.provider).fetch_message(client, event)
