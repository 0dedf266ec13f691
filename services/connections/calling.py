"""Calls a provider for a person, outside any transaction, and notes on the connection what it refused."""

from collections.abc import Callable
from typing import TypeVar

from models import Connection
from services.connections.notes import note_failure
from services.kernel.errors import PatchbayError
from services.kernel.kernel import Kernel

ResultT = TypeVar("ResultT")


def call_noted(kernel: Kernel, connection: Connection, call: Callable[[], ResultT]) -> ResultT:
    """Call the provider outside any transaction; what it refuses shows on the card.

    Raises:
        PatchbayError: whatever the call raised.
    """
    try:
        return call()
    except PatchbayError as error:
        with kernel.unit_of_work(connection.tenant_id) as work:
            note_failure(work, connection, error, now=kernel.clock.now())
        raise
