"""The line under test: the real webhook door on loopback, the sandbox as providers, a worker that runs on demand."""

import importlib
import json
import socket
import threading
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn

from app.edge import AsgiApp
from app.http.webhooks import WebhookApp, create_webhook_app
from services.agents import AgentForm, AgentView, PlaybookDraft, create_agent, save_playbook
from services.connections import (
    ConnectionView,
    assign_number,
    connect_with_keys,
)
from services.kernel.db import Wake
from services.kernel.kernel import Kernel
from services.kernel.queue import DRAINED
from services.kernel.settings import Settings
from services.tenants import Actor, authenticate_api_key, bootstrap
from services.webhooks.line import STEPS
from services.webhooks.sweep import run as sweep
from tests.support.kernels import build_kernel
from tests.support.product import eventually
from tests.support.sandbox import SandboxClient, running_sandbox
from workers.jobs.process import use_kernel

PLAYBOOK = (
    PlaybookDraft(question="What are your opening hours?", answer="We are open from 9 to 17, Monday to Friday."),
    PlaybookDraft(question="When is the payout?", answer="The payout goes out every Friday."),
)
CHANNEL = "C0CREATOR01"
_LONGEST_ACT_SECONDS = 60.0


class OnDemandQueue:
    """Collects wake-ups; the test decides when the work is done."""

    def __init__(self) -> None:
        self.wakes: deque[Wake] = deque()

    def wake(self, wakes: Sequence[Wake]) -> None:
        """Remember wake-ups; those of one tenant for a drained job are one, as in Redis."""
        for wake in wakes:
            if wake.job not in DRAINED or not self._waits(wake):
                self.wakes.append(wake)

    def wake_again(self, wakes: Sequence[Wake]) -> None:
        """Remember wake-ups that do not wait already."""
        self.wake([wake for wake in wakes if wake not in self.wakes])

    def begin(self, wake: Wake) -> None:
        """Do nothing: what a test has taken from the queue waits no longer."""

    def _waits(self, wake: Wake) -> bool:
        return any((other.job, other.tenant_id) == (wake.job, wake.tenant_id) for other in list(self.wakes))


def run_job(kernel: Kernel, wake: Wake) -> None:
    """Run one job as a worker would, with the acts that outlast it."""
    use_kernel(kernel)
    importlib.import_module(f"workers.jobs.{wake.job}").run(str(wake.tenant_id), str(wake.row_id))
    assert kernel.slow.wait(seconds=_LONGEST_ACT_SECONDS), "an act goes on and on"


def work_off(kernel: Kernel, queue: OnDemandQueue) -> int:
    """Do all work that was woken, and what that wakes; return how many jobs ran."""
    done = 0
    while queue.wakes:
        run_job(kernel, queue.wakes.popleft())
        done += 1
    return done


def await_wakes(door: WebhookApp) -> None:
    """Wait until the door has woken workers for all that it took: it does so after it has answered."""
    eventually(lambda: not door.is_waking, what="workers are woken")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A tenant with an agent, connected to Slack and to a phone number."""

    actor: Actor
    agent: AgentView
    slack: ConnectionView
    twilio: ConnectionView
    number: str


@dataclass(slots=True)
class Line:
    """The product's line on a fresh database."""

    kernel: Kernel
    queue: OnDemandQueue
    sandbox: SandboxClient
    address: str
    door: WebhookApp | None
    """None where the door is in another process, which wakes other workers."""

    def work(self, *, with_sweep: bool = False) -> int:
        """Do all work that was woken (and what the sweeper finds); return how many jobs ran."""
        self.await_wakes()
        if with_sweep:
            sweep(self.kernel)
        return work_off(self.kernel, self.queue)

    def await_wakes(self) -> None:
        """Wait until the door has woken workers for all that it took: it does so after it has answered."""
        if self.door:
            await_wakes(self.door)

    def lose_wakes(self) -> None:
        """Forget what was woken, as Redis does when it is wiped."""
        self.await_wakes()
        self.queue.wakes.clear()

    def run_job(self, wake: Wake) -> None:
        """Run one job as a worker would."""
        run_job(self.kernel, wake)

    def run_step(self, wake: Wake) -> None:
        """Run one job, and none of the line's later steps, as a worker does whose slice of time is over."""
        if step := STEPS.get(wake.job):
            step(self.kernel, wake)
        else:
            self.run_job(wake)

    def settle(self, *event_ids: str) -> None:
        """Wait until the sandbox has delivered these webhooks, and do the work they woke."""
        self.sandbox.wait_for_webhooks(*event_ids)
        self.work()

    def open_shop(self, name: str, *, is_second: bool = False) -> Shop:
        """Create a tenant with an agent that knows two answers, connected to its own Slack app and Twilio account."""
        identities = self.sandbox.identities
        result = bootstrap(self.kernel, email=f"owner@{name.lower()}.example", tenant=name)
        actor = authenticate_api_key(self.kernel, result.api_key.reveal())
        agent = create_agent(self.kernel, actor=actor, form=AgentForm(name="Bri", purpose="Creator operations"))
        save_playbook(self.kernel, actor=actor, agent_id=agent.id, drafts=PLAYBOOK)
        app = identities.other_own_app if is_second else identities.own_app
        slack = connect_with_keys(
            self.kernel,
            actor=actor,
            provider="slack",
            scheme_id="keys",
            agent_id=agent.id,
            values={"bot_token": app.bot_token, "signing_secret": app.signing_secret},
        )
        self.sandbox.set_events_url(webhook_url(slack, "events"), app=app.app_id)
        account = identities.other_twilio if is_second else identities.twilio
        twilio = connect_with_keys(
            self.kernel,
            actor=actor,
            provider="twilio",
            scheme_id="keys",
            agent_id=agent.id,
            values={"account_sid": account.account_sid, "auth_token": account.auth_token},
        )
        number = twilio.numbers[0]
        twilio = assign_number(
            self.kernel, actor=actor, connection_id=twilio.id, number_id=number.id, agent_id=agent.id
        )
        return Shop(actor=actor, agent=agent, slack=slack, twilio=twilio, number=number.number)


def webhook_url(connection: ConnectionView, kind: str) -> str:
    """Return a connection's address for one kind of webhook."""
    return next(item.url for item in connection.webhook_urls if item.kind == kind)


def sandbox_settings(settings: Settings, sandbox: SandboxClient, *, public_url: str) -> Settings:
    """Return settings that point at the sandbox."""
    environment = sandbox.environment(public_url=public_url)
    urls = {
        name.removeprefix("PATCHBAY_").removesuffix("_URL").lower(): value
        for name, value in environment.items()
        if name.endswith("_URL") and name != "PATCHBAY_PUBLIC_URL"
    }
    return Settings(
        **settings.model_dump(exclude={"public_url", "provider_urls", "provider_apps", "sandbox_port"}),
        public_url=public_url,
        provider_urls=urls,
        provider_apps=json.loads(environment["PATCHBAY_PROVIDER_APPS"]),
    )


@contextmanager
def running_line(settings: Settings, data_dir: Path) -> Generator[Line]:
    """Run the webhook door and the sandbox on free ports."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with running_sandbox(data_dir, public_url=address) as sandbox:
        built = build_kernel(sandbox_settings(settings, sandbox, public_url=address))
        queue = OnDemandQueue()
        kernel = replace(built, queue=queue)
        try:
            door = create_webhook_app(kernel)
            with served(door, listener):
                yield Line(kernel, queue, sandbox, address, door)
        finally:
            built.close()


@contextmanager
def served(application: AsgiApp, listener: socket.socket) -> Generator[None]:
    """Serve an application in a thread for the length of the block, then close the listener."""
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
