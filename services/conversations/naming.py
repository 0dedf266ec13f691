"""Asks a provider who a contact is whom its webhooks name only by an id: at first sight, and hourly."""

import logging
from typing import Any
from uuid import UUID

from services import connections
from services.conversations import repository
from services.kernel.db import UnitOfWork
from services.kernel.errors import PatchbayError
from services.kernel.kernel import Kernel
from services.provider_kit.registry import directory

logger = logging.getLogger(__name__)


def name_contact(kernel: Kernel, *, tenant_id: UUID, contact_id: UUID) -> None:
    """Ask the provider who a contact is whom it named only by an id; people change their names, too.

    Doing it twice does no harm. A name is a courtesy: if the provider does not give it now, what is known stays, and
    nothing else waits for it.
    """
    try:
        found = connections.with_fresh_token(
            kernel, tenant_id=tenant_id, attempt=lambda work: _open_directory(kernel, work, contact_id)
        )
        if found is None:
            return
        external_id, provider, client = found
        name = directory(provider).get_contact(client, external_id).name
    except PatchbayError as error:
        logger.info("conversations.contact.not_named: %s", error.code)
        return
    with kernel.unit_of_work(tenant_id) as work:
        contact = repository.find_contact_by_id(work, contact_id)
        if contact and name and name != contact.name:
            contact.name = name
            for conversation_id in repository.list_conversation_ids(work, contact_id):
                work.notify("conversation", conversation_id)


def _open_directory(kernel: Kernel, work: UnitOfWork, contact_id: UUID) -> tuple[str, str, Any] | None:
    """Return a contact's id at its provider, the provider, and a client to ask it with."""
    found = repository.find_identity_and_connection(work, contact_id)
    if found is None:
        return None
    external_id, connection = found
    return external_id, connection.provider, connections.open_client(kernel, work, connection)
