"""The key-encryption keys against what stands in the database: can all be opened, and wrapping with a new one."""

import os
import socket
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.exc import OperationalError, ProgrammingError

from services.kernel.errors import ConfigurationError
from services.kernel.kernel import Kernel
from services.kernel.keyring import describe_source
from services.kernel.log import get_logger
from services.kernel.vault import VaultError
from services.vault import repository
from services.vault.holders import SILENT_SECONDS, Heartbeat, list_unready
from services.vault.views import RewrapView

_BATCH_KEYS = 200

log = get_logger(__name__)


def require_usable_keys(kernel: Kernel) -> None:
    """Refuse to work with key-encryption keys that do not open the data keys in the database.

    One data key of each key-encryption key is opened for proof.

    Raises:
        ConfigurationError: names the key that is missing, where it is looked for, and what is at stake.
    """
    with kernel.unscoped_session("vault.check_keys") as session:
        for kek_id, count in repository.count_by_wrapping_key(session):
            sample = repository.find_sample(session, kek_id=kek_id)
            if sample is None:
                continue
            try:
                kernel.kek.unwrap(sample.wrapped, tenant_id=sample.tenant_id, key_id=sample.id, kek_id=kek_id)
            except VaultError as error:
                keys = "1 data key" if count == 1 else f"{count} data keys"
                raise ConfigurationError(
                    f"The key-encryption key {kek_id}, which wraps {keys} in this database, is missing or another one:"
                    f" secrets cannot be read. Found in {describe_source(kernel.settings)}:"
                    f" {', '.join(kernel.kek.ids)}. Put the key back that this database was used with; it may stand"
                    " beside the new one."
                ) from error


def hold_keys(kernel: Kernel, *, process: str) -> Heartbeat:
    """Check the keys at the start of a process and report it from then on; stop what is returned at its end.

    A database that is away, or not set up yet, is no reason not to start: the process says so itself when asked.

    Raises:
        ConfigurationError: the keys do not open what is in the database.
    """
    try:
        require_usable_keys(kernel)
    except (OperationalError, ProgrammingError) as error:
        log.info("vault.keys.unchecked", error=type(error).__name__)
    name = f"{process} (pid {os.getpid()} on {socket.gethostname()})"
    return Heartbeat(kernel, process=name).start()


def rewrap_keys(kernel: Kernel, *, dry_run: bool = False) -> RewrapView:
    """Wrap every data key with the key-encryption key in front of the ring; secrets themselves stay as they are.

    Small batches, each key compared with what stood there before: it may be stopped at any time and done again.

    Args:
        kernel: the process's seams.
        dry_run: only count.
    """
    kek_id = kernel.kek.id
    with kernel.unscoped_session("vault.find_unready") as session:
        unready = list_unready(session, version=0, kek_id=kek_id)
    rewrapped = 0
    if not unready and not dry_run:
        while batch := _rewrap_batch(kernel):
            rewrapped += batch
    with kernel.unscoped_session("vault.count_wrapped") as session:
        left = sum(count for wrapped_by, count in repository.count_by_wrapping_key(session) if wrapped_by != kek_id)
    return RewrapView(
        kek_id=kek_id,
        rewrapped=rewrapped,
        left=left,
        waiting_for=tuple(f"{process.process}: {process.reason}" for process in unready),
    )


def list_processes(kernel: Kernel) -> tuple[str, ...]:
    """Return the names of the running processes that hold keys."""
    with kernel.unscoped_session("vault.list_processes") as session:
        return tuple(holder.process for holder in repository.list_holders(session, silent_seconds=SILENT_SECONDS))


def list_tenant_names(kernel: Kernel) -> Sequence[tuple[UUID, str]]:
    """Return (id, name) of all companies, for commands that go through all of them."""
    with kernel.unscoped_session("vault.list_tenants") as session:
        return repository.list_tenants(session)


def _rewrap_batch(kernel: Kernel) -> int:
    """Wrap some keys anew and return how many; a damaged one is left as it is."""
    done = 0
    with kernel.unscoped_session("vault.rewrap") as session:
        for key in repository.list_keys_wrapped_by(session, kek_ids=kernel.kek.ids[1:], limit=_BATCH_KEYS):
            try:
                value = kernel.kek.unwrap(key.wrapped, tenant_id=key.tenant_id, key_id=key.id, kek_id=key.kek_id)
            except VaultError:
                continue
            wrapped = kernel.kek.wrap(value, tenant_id=key.tenant_id, key_id=key.id)
            done += repository.swap_wrapped(session, key, wrapped=wrapped, kek_id=kernel.kek.id)
    return done
