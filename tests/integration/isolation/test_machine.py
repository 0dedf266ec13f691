"""Three tenants whose agents have the same ids and names: each sees exactly what a dictionary of its own would hold."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from models import Agent, AgentStatus
from services.agents import (
    AgentForm,
    AgentView,
    PlaybookDraft,
    create_agent,
    delete_agent,
    get_agent,
    list_agents,
    list_playbook,
    save_playbook,
    set_status,
    update_agent,
)
from services.kernel.errors import Conflict, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from services.tenants import Actor, authenticate_api_key, bootstrap, get_tenant
from tests.support.databases import copied_database, url_of
from tests.support.kernels import build_kernel
from workers.runtime.embedded import EmbeddedUrls

IDS = tuple(UUID(int=number) for number in (1, 2))
NAMES = ("Ada", "Bri", "Cy")
TENANTS = range(3)

tenants, ids, names = st.sampled_from(TENANTS), st.sampled_from(IDS), st.sampled_from(NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the model knows of an agent."""

    name: str
    status: str = "active"
    answers: tuple[str, ...] = ()


class Tenants(RuleBasedStateMachine):
    """Services on one side, a dictionary per tenant on the other."""

    kernel: Kernel

    @initialize()
    def open_tenants(self) -> None:
        """Begin with a tenant that has both ids, one that has the first, and one that has none."""
        self.actors: list[Actor] = []
        self.known: list[dict[UUID, Known]] = [{} for _ in TENANTS]
        for _ in TENANTS:
            result = bootstrap(self.kernel, email=f"{new_id()}@x.example", tenant="Same name")
            self.actors.append(authenticate_api_key(self.kernel, result.api_key.reveal()))
        for tenant, id, name in ((0, IDS[0], NAMES[0]), (0, IDS[1], NAMES[1]), (1, IDS[0], NAMES[1])):
            self.take_an_id(tenant, id, name)
            self.teach(tenant, id, ["yes", "no"][: tenant + 1])

    @rule(tenant=tenants, id=ids, name=names)
    def take_an_id(self, tenant: int, id: UUID, name: str) -> None:
        """Create an agent under an id that other tenants have too; services would make a fresh one."""
        known = self.known[tenant]
        if id in known or name in {agent.name for agent in known.values()}:
            return
        now = self.kernel.clock.now()
        agent = Agent(
            tenant_id=self.actors[tenant].tenant_id,
            id=id,
            name=name,
            status=AgentStatus.ACTIVE,
            created_at=now,
            updated_at=now,
        )
        with self.kernel.unit_of_work(self.actors[tenant].tenant_id) as work:
            work.session.add(agent)
        known[id] = Known(name=name)

    @rule(tenant=tenants, name=names)
    def create(self, tenant: int, name: str) -> None:
        """Create an agent; only names of the own tenant are taken."""
        known = self.known[tenant]
        if name in {agent.name for agent in known.values()}:
            with pytest.raises(Conflict):
                create_agent(self.kernel, actor=self.actors[tenant], form=_form(name))
        else:
            view = create_agent(self.kernel, actor=self.actors[tenant], form=_form(name))
            known[view.id] = Known(name=name)

    @rule(tenant=tenants, id=ids, name=names)
    def rename(self, tenant: int, id: UUID, name: str) -> None:
        """Change an agent, or find that there is none."""
        known = self.known[tenant]
        others = {agent.name for key, agent in known.items() if key != id}

        def act() -> None:
            update_agent(self.kernel, actor=self.actors[tenant], agent_id=id, form=_form(name))

        if id in known and name in others:
            with pytest.raises(Conflict):
                act()
        elif self._acts(tenant, id, act):
            known[id] = replace(known[id], name=name)

    @rule(tenant=tenants, id=ids, status=st.sampled_from(AgentStatus))
    def change_status(self, tenant: int, id: UUID, status: AgentStatus) -> None:
        """Pause or resume an agent."""
        actor = self.actors[tenant]
        if self._acts(tenant, id, lambda: set_status(self.kernel, actor=actor, agent_id=id, status=status)):
            self.known[tenant][id] = replace(self.known[tenant][id], status=status.value)

    @rule(tenant=tenants, id=ids, answers=st.lists(st.sampled_from(("yes", "no")), max_size=2))
    def teach(self, tenant: int, id: UUID, answers: list[str]) -> None:
        """Replace an agent's playbook."""
        drafts = [PlaybookDraft(question=f"Question {number}?", answer=text) for number, text in enumerate(answers)]
        actor = self.actors[tenant]
        if self._acts(tenant, id, lambda: save_playbook(self.kernel, actor=actor, agent_id=id, drafts=drafts)):
            self.known[tenant][id] = replace(self.known[tenant][id], answers=tuple(answers))

    @rule(tenant=tenants, id=ids)
    def delete(self, tenant: int, id: UUID) -> None:
        """Delete an agent; those of other tenants under the same id stay."""
        actor = self.actors[tenant]
        if self._acts(tenant, id, lambda: delete_agent(self.kernel, actor=actor, agent_id=id)):
            del self.known[tenant][id]

    @rule(tenant=tenants, other=tenants)
    def use_all_ids_of_another(self, tenant: int, other: int) -> None:
        """Ask for each agent that another tenant has."""
        for id in self.known[other]:
            if id not in self.known[tenant]:
                for look in (get_agent, list_playbook):
                    with pytest.raises(NotFound):
                        look(self.kernel, actor=self.actors[tenant], agent_id=id)

    @invariant()
    def each_sees_its_own(self) -> None:
        """Compare what services say with what the dictionaries hold."""
        for tenant in TENANTS:
            actor, known = self.actors[tenant], self.known[tenant]
            seen = {view.id: (view.name, view.status, view.playbook_count) for view in self._list(actor)}
            assert seen == {id: (agent.name, agent.status, len(agent.answers)) for id, agent in known.items()}
            assert get_tenant(self.kernel, actor=actor).agent_count == len(known)
            for id, agent in known.items():
                entries = list_playbook(self.kernel, actor=actor, agent_id=id)
                assert tuple(entry.answer for entry in entries) == agent.answers

    def _list(self, actor: Actor) -> tuple[AgentView, ...]:
        return list_agents(self.kernel, actor=actor)

    def _acts(self, tenant: int, id: UUID, act: Callable[[], object]) -> bool:
        """Act on an agent that is there; where it is not, see that nothing is found."""
        if id in self.known[tenant]:
            act()
            return True
        with pytest.raises(NotFound):
            act()
        return False


def _form(name: str) -> AgentForm:
    return AgentForm(name=name, purpose="")


@pytest.fixture
def shared_kernel(servers: EmbeddedUrls, tmp_path: Path) -> Generator[Kernel]:
    with copied_database(servers.database_owner_url) as name:
        built = build_kernel(
            Settings(
                data_dir=tmp_path,
                database_url=url_of(servers.database_url, name),
                redis_url=servers.redis_url,
                sandbox=True,
                public_url="http://127.0.0.1:8000",
            )
        )
        yield built
        built.close()


def test_tenants_with_the_same_ids_and_names_never_meet(shared_kernel: Kernel) -> None:
    machine = type("MachineWithKernel", (Tenants,), {"kernel": shared_kernel})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=6,
            stateful_step_count=25,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
