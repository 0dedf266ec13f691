"""Every job, called for one tenant with the ids of another: nothing happens, quietly."""

import importlib
import pkgutil
from types import ModuleType

import pytest

import workers.jobs
from services.kernel.ids import new_id
from tests.integration.isolation.twins import Twins
from workers.jobs.process import use_kernel

NO_JOBS = {"process"}
JOBS = [
    importlib.import_module(f"workers.jobs.{module.name}")
    for module in pkgutil.iter_modules(workers.jobs.__path__)
    if module.name not in NO_JOBS
]


def test_every_module_of_jobs_is_called() -> None:
    assert len(JOBS) >= 3
    assert [job.__name__ for job in JOBS if not hasattr(job, "run")] == []


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.__name__.rpartition(".")[2])
def test_foreign_ids_change_nothing(twins: Twins, job: ModuleType) -> None:
    use_kernel(twins.line.kernel)
    twins.line.work()
    before = twins.rows_of(twins.own.actor), twins.rows_of(twins.foreign.actor)
    calls, wakes = twins.line.sandbox.ledger().calls, len(twins.line.queue.wakes)
    ids = [id for found in twins.ids_of(twins.foreign.actor).values() for id in found]
    assert len(ids) > 30
    for row_id in (*ids, new_id()):
        job.run(str(twins.own.actor.tenant_id), str(row_id))
    assert (twins.rows_of(twins.own.actor), twins.rows_of(twins.foreign.actor)) == before
    assert (twins.line.sandbox.ledger().calls, len(twins.line.queue.wakes)) == (calls, wakes)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.__name__.rpartition(".")[2])
@pytest.mark.parametrize("arguments", [("", ""), ("no id", "no id"), (str(new_id()), "'; DROP TABLE agent")])
def test_arguments_that_are_no_ids_are_refused(twins: Twins, job: ModuleType, arguments: tuple[str, str]) -> None:
    """Redis is not trusted: whoever can write there gets no further than two ids."""
    use_kernel(twins.line.kernel)
    with pytest.raises(ValueError, match="badly formed"):
        job.run(*arguments)
