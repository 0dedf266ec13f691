"""The outbox in PostgreSQL: a batch is claimed in one transaction and settled in another."""

import random
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from services import connections, limits
from services.kernel.db import is_outage
from services.kernel.errors import NeedsReauth, NotFound, RetryLater
from services.kernel.kernel import Kernel
from services.kernel.log import get_logger
from services.sending.claiming import Claiming
from services.sending.machine import Policy
from services.sending.outbox import Batch, Result
from services.sending.settling import Settling

logger = get_logger(__name__)


class StoredOutbox:
    """One tenant's outbox, for the length of one job.

    Args:
        kernel: the process's seams.
        tenant_id: whose.
    """

    def __init__(self, kernel: Kernel, tenant_id: UUID) -> None:
        self._kernel = kernel
        self._tenant_id = tenant_id
        self._left_out: set[UUID] = set()
        """Connections whose access is over and could not be renewed now; the sweeper comes back to them."""

    def claim(self, *, limit: int) -> Batch:
        """Hold messages that may leave now."""
        claiming = Claiming(self._kernel, left_out=self._left_out)
        try:
            with self._kernel.unit_of_work(self._tenant_id) as work:
                batch = claiming.run(work, limit=limit)
        except RetryLater as error:
            # Nobody can count what leaves: nothing was claimed, and the sweeper comes back to it.
            logger.info("sending.messages.put_off", outcome=error.code)
            return Batch()
        prepared = self._fill(claiming) + self._renew(claiming)
        return Batch(claims=batch.claims, handled=batch.handled + prepared)

    def settle(self, results: Sequence[Result]) -> frozenset[UUID]:
        """Write down what came of claims, all at once; if that fails, one after the other."""
        try:
            return self._settle(results)
        except Exception as error:
            if len(results) < 2 or is_outage(error):
                raise  # after an outage the leases run out, and what may have left is looked up
            logger.exception("sending.batch.not_settled", count=len(results))
        return frozenset[UUID]().union(*(self._settle([result]) for result in results))

    def now(self) -> datetime:
        """Return the database's time."""
        with self._kernel.unit_of_work(self._tenant_id) as work:
            return connections.database_time(work.session)

    def _settle(self, results: Sequence[Result]) -> frozenset[UUID]:
        settings = self._kernel.settings
        policy = Policy(max_attempts=settings.max_attempts, retry_base_seconds=settings.retry_base_seconds)
        with self._kernel.unit_of_work(self._tenant_id) as work:
            return Settling(work, policy=policy, clock=self._kernel.clock, draw=random.random).run(results)

    def _fill(self, claiming: Claiming) -> int:
        """Fill the counters that Redis does not have; return how many there were."""
        for missing in claiming.missing:
            try:
                limits.fill(self._kernel, tenant_id=self._tenant_id, missing=missing)
            except RetryLater as error:
                logger.info("sending.messages.put_off", outcome=error.code)
                return 0
        return len(claiming.missing)

    def _renew(self, claiming: Claiming) -> int:
        """Renew the access that is over, and leave out what cannot be renewed; return how much there was."""
        for connection_id in claiming.run_out:
            renew = partial(connections.keep_fresh, self._kernel, tenant_id=self._tenant_id)
            try:
                renew(connection_id=connection_id)
            except (NeedsReauth, RetryLater, NotFound) as error:
                logger.info("sending.messages.put_off", outcome=error.code)
                self._left_out.add(connection_id)
        self._left_out |= claiming.without_access
        return len(claiming.run_out) + len(claiming.without_access)
