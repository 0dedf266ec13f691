"""One walk through all that takes a secret, going well and badly, with every log on; then the tests look around."""

import base64
import io
import logging
import secrets
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx2
import pytest
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import ActionRunState, Credential, Subscription
from services import vault
from services.actions import approve
from services.agents import AgentForm, create_agent
from services.connections import CheckView
from services.connections import test_connection as check_connection
from services.kernel.errors import PatchbayError
from services.kernel.kernel import Kernel, connect_redis
from services.kernel.log import configure_logging
from services.kernel.queue import RqQueue
from services.kernel.settings import Settings
from services.tenants import (
    Actor,
    authenticate_api_key,
    bootstrap,
    create_setup_link,
    session_cookie_name,
)
from services.webhooks.sweep import run as sweep
from tests.support.clock import FakeClock
from tests.support.databases import copied_database, url_of
from tests.support.line import CHANNEL, Line, running_line, webhook_url
from tests.support.sandbox_mail import Letter
from tests.support.whole_shop import WholeShop, add_runs, open_whole_shop
from workers.runtime.embedded import EmbeddedUrls

_LATER = FakeClock()
SIGNATURES = (
    *("x-slack-signature", "x-twilio-signature", "svix-id", "svix-signature", "webhook-signature"),
    *("x-goog-channel-id", "x-goog-channel-token", "x-goog-resource-id", "x-goog-message-number"),
)
CONTENTS = ("letter", "subject", "file", "meeting", "action")
MISSED = (
    *("credential", "user_account", "api_key", "web_session", "one_time_link", "message", "data_key"),
    *("subscription", "calendar_event", "email_envelope", "attachment", "action_run", "email_sender"),
)
"""Tables that are away for a while."""
OWN_PACKAGES = ("app", "models", "services", "workers")


@dataclass(slots=True)
class Traces:
    """What the walk left behind."""

    line: Line
    owner_url: str
    redis_url: str
    canaries: dict[str, str] = field(default_factory=dict[str, str])
    contents: dict[str, str] = field(default_factory=dict[str, str])
    """What people wrote, which has its place in the database and is nobody else's business."""
    live: list[str] = field(default_factory=list[str])
    """What was published for open pages."""
    errors: dict[str, str] = field(default_factory=dict[str, str])
    """Tracebacks of jobs that failed, as a worker writes them down."""
    answers: dict[str, str] = field(default_factory=dict[str, str])
    """What was sent back, by what was asked. Handing out a new secret once is not among it."""
    log: io.StringIO = field(default_factory=io.StringIO)
    """The product's own log at DEBUG, as an operator reads it."""
    own_records: list[str] = field(default_factory=list[str])
    """What our packages gave to a logger, before any redaction."""
    reprs: dict[str, str] = field(default_factory=dict[str, str])


class _Recorder(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in OWN_PACKAGES:
            self._heard.append(f"{record.name} {record.msg!r} {record.args!r} {record.exc_info!r}")


@contextmanager
def _listening_to_logs(traces: Traces) -> Generator[None]:
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    levels = {name: logging.getLogger(name).level for name in list(root.manager.loggerDict)}
    configure_logging(Settings(log="json", log_level="DEBUG"), process="test", stream=traces.log)
    root.addHandler(_Recorder(traces.own_records))
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        sys.excepthook, threading.excepthook = hooks
        logging.captureWarnings(False)
        for name in list(root.manager.loggerDict):
            logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))


@pytest.fixture(scope="package")
def traces(servers: EmbeddedUrls) -> Generator[Traces]:
    """Walk once."""
    redis = Redis.from_url(servers.redis_url)
    for key in cast("Iterable[bytes]", redis.scan_iter(count=1000)):
        redis.unlink(key)
    with (
        TemporaryDirectory(prefix="patchbay-tests-") as folder,
        copied_database(servers.database_owner_url) as name,
    ):
        owner_url = url_of(servers.database_owner_url, name)
        settings = Settings(
            data_dir=Path(folder),
            database_url=url_of(servers.database_url, name),
            database_owner_url=owner_url,
            redis_url=servers.redis_url,
            sandbox=True,
            public_url="http://127.0.0.1:8000",
            retry_base_seconds=0.01,
        )
        with running_line(settings, Path(folder)) as line, redis.pubsub(ignore_subscribe_messages=True) as heard:
            traces = Traces(line, owner_url, servers.redis_url)
            heard.psubscribe("patchbay:live:*")
            heard.get_message(timeout=1)  # the confirmation of the subscription, which reads as None
            with _listening_to_logs(traces):
                _walk(traces)
            traces.live += _drain(heard)
            yield traces


def _drain(heard: Any) -> Generator[str]:
    while message := heard.get_message(timeout=0.2):
        yield str(message["data"])


def _made_up(prefix: str, *, length: int = 32) -> str:
    return prefix + secrets.token_hex(length // 2)


def _walk(traces: Traces) -> None:
    line = traces.line
    identities = line.sandbox.identities
    settings = line.kernel.settings
    traces.canaries |= {
        "model API key": identities.model_api_key,
        "wrong model API key": _made_up("sk-"),
        "OAuth client secret": identities.slack_app.client_secret,
        "operator's signing secret": identities.slack_app.signing_secret,
        "Slack bot token": identities.own_app.bot_token,
        "Slack signing secret": identities.own_app.signing_secret,
        "Twilio auth token": identities.twilio.auth_token,
        "Google client secret": identities.google.client_secret,
        "Resend API key": identities.resend.api_key,
        "Resend signing secret": identities.resend.webhook_secret.removeprefix("whsec_"),
        "wrong Resend API key": _made_up("re_"),
        "wrong Resend signing secret": _made_up(""),
        "wrong Slack bot token": _made_up("xoxb-123456789012-"),
        "wrong Slack signing secret": _made_up(""),
        "wrong Twilio auth token": _made_up(""),
        "password": _made_up("correct horse "),
        "wrong password": _made_up("wrong horse "),
        "wrong API key": _made_up("pb_live_", length=40),
        "wrong session": _made_up("", length=40),
        "wrong link": _made_up("", length=40),
        "secret in a bad body": _made_up("xoxb-999999999999-"),
        "database password": _made_up("db-"),
    }
    traces.contents |= {name: _made_up(f"{name} ") for name in CONTENTS}
    shop = open_whole_shop(line, "Northwind")
    traces.canaries |= _secrets_of(line, shop)
    _use_everything(traces, shop)
    _sign_in(traces)
    _connect(traces, shop)
    _talk(traces, shop)
    _knock(traces, shop)
    _break_the_database(traces, shop)
    _leave_work_in_redis(traces)
    kernel = replace(line.kernel, settings=settings.model_copy(update={"database_url": _with_password(traces)}))
    traces.reprs |= {
        "repr of the settings": f"{settings!r} {settings}",
        "repr of the kernel": f"{kernel!r} {kernel}",
        "repr of a shop": repr(shop),
    }


def _secrets_of(line: Line, shop: WholeShop) -> dict[str, str]:
    """Return what the provider gave us and what we gave it, opened with the tenant's key."""
    kernel, mine = line.kernel, shop.actor.tenant_id
    with kernel.unit_of_work(mine) as work:
        of_google = (col(Credential.tenant_id) == mine, col(Credential.connection_id) == shop.google.id)
        found = {
            f"Google {row.name}": vault.reveal(
                work, kernel, table="credential", column="sealed", row_id=row.id, sealed=row.sealed
            ).reveal()
            for row in work.session.exec(select(Credential).where(*of_google)).all()
        }
        for row in work.session.exec(select(Subscription).where(col(Subscription.tenant_id) == mine)).all():
            found["subscription token"] = vault.reveal(
                work, kernel, table="subscription", column="sealed_token", row_id=row.id, sealed=row.sealed_token
            ).reveal()
    assert {"Google access_token", "Google refresh_token", "subscription token"} <= set(found)
    return found


def _use_everything(traces: Traces, shop: WholeShop) -> None:
    """Let a letter with a file come in, a meeting be moved, and an action be approved, well and badly."""
    line, said = traces.line, traces.contents
    for number, (service, kind) in enumerate((("", ""), ("resend", "500"), ("google", "500"), ("slack", "500"))):
        if service:
            line.sandbox.fail(service, kind)
        file = base64.b64encode(said["file"].encode()).decode()
        events = [
            *line.sandbox.mail.write(
                to=shop.address,
                subject=said["subject"],
                text=f"What are your opening hours? {said['letter']}",
                letter=Letter(attachments=[{"filename": "a.txt", "content_type": "text/plain", "content": file}]),
            ).event_ids,
            *line.sandbox.google.add(f"{said['meeting']} {number}").event_ids,
        ]
        _work(traces, f"everything with {kind} of {service}", *events)
        runs = add_runs(line.kernel, shop, words=said["action"], states=(ActionRunState.AWAITING_APPROVAL,))
        for run_id in runs.values():
            approve(line.kernel, actor=shop.actor, run_id=run_id)
        _work(traces, f"an action with {kind} of {service}")
    _check_all(traces, shop)


def _work(traces: Traces, what: str, *events: str) -> None:
    """Do what was woken; a job that fails is written down as its worker would."""
    line = traces.line
    line.sandbox.wait_for_webhooks(*events)
    _try(traces, f"sweep: {what}", lambda: sweep(line.kernel))
    while line.queue.wakes:
        wake = line.queue.wakes.popleft()
        _try(traces, f"{wake.job}: {what}", partial(line.run_job, wake))


def _try(traces: Traces, what: str, act: Callable[[], object]) -> None:
    try:
        act()
    except Exception as error:
        traces.errors[what] = "".join(traceback.format_exception(error))


def _check_all(traces: Traces, shop: WholeShop) -> None:
    """Use up the faults that nothing has met."""
    while traces.line.sandbox.pending_faults():
        for connection in (shop.slack, shop.twilio, shop.google, shop.mail):
            _check(traces.line.kernel, shop.actor, connection.id)


def _with_password(traces: Traces) -> str:
    return f"postgresql://patchbay:{traces.canaries['database password']}@db.example/patchbay"


def _ask(
    traces: Traces, what: str, ask: Callable[[], httpx2.Response], *, gives_secret: bool = False
) -> httpx2.Response:
    response = ask()
    headers = dict(response.headers)
    if gives_secret:
        headers.pop("set-cookie", None)
    traces.answers[what] = f"{response.status_code} {headers} {response.text}"
    return response


def _sign_in(traces: Traces) -> None:
    kernel, canaries = traces.line.kernel, traces.canaries
    url = kernel.settings.public_url
    cookie = session_cookie_name(kernel.settings)
    with suppress(PatchbayError):  # somebody is set up already; the first walk needs no second
        create_setup_link(kernel)
    result = bootstrap(kernel, email="pat@northwind.example", tenant="Northwind Two")
    canaries["API key"] = result.api_key.reveal()
    canaries["sign-in link"] = result.sign_in_link.rpartition("/")[2]
    with TestClient(create_http_app(kernel), base_url=url, follow_redirects=False) as browser:
        browser.headers.update({"origin": url})
        link = urlsplit(result.sign_in_link).path
        _ask(traces, "a link's page", lambda: browser.get("/login/link/" + canaries["wrong link"]))
        _ask(traces, "a wrong link", lambda: browser.post("/login/link/" + canaries["wrong link"]))
        opened = _ask(traces, "a right link", lambda: browser.post(link), gives_secret=True)
        canaries["session token"] = opened.cookies[cookie]
        _ask(traces, "a used link", lambda: browser.post(link))
        wrong = {"email": "pat@northwind.example", "password": canaries["wrong password"]}
        _ask(traces, "a wrong password", lambda: browser.post("/login", data=wrong))
        form = {"token": canaries["wrong link"], "tenant_name": "X", "name": "X", "email": "x@example.com"}
        _ask(traces, "a wrong set-up", lambda: browser.post("/setup", data={**form, "password": canaries["password"]}))
        browser.cookies.clear()
        browser.cookies.set(cookie, canaries["wrong session"])
        _ask(traces, "a wrong session", lambda: browser.get("/login"))
        for name in ("API key", "wrong API key"):
            bearer = {"authorization": f"Bearer {canaries[name]}"}
            _ask(traces, f"REST with {name}", partial(browser.get, "/api/v1/connections", headers=bearer))
        in_query = {"key": canaries["wrong API key"], "limit": "x"}
        _ask(traces, "REST with a key in the query", lambda: browser.get("/api/v1/agents", params=in_query))


def _connect(traces: Traces, shop: WholeShop) -> None:
    line, canaries = traces.line, traces.canaries
    kernel = line.kernel
    actor = authenticate_api_key(kernel, canaries["API key"])
    agent = create_agent(kernel, actor=actor, form=AgentForm(name="Cy", purpose=""))
    right = line.sandbox.identities.own_app
    bodies: dict[str, Mapping[object, object]] = {
        "wrong Slack keys": {
            "bot_token": canaries["wrong Slack bot token"],
            "signing_secret": canaries["wrong Slack signing secret"],
        },
        "half of the Slack keys": {"bot_token": canaries["wrong Slack bot token"], "signing_secret": ""},
        "Slack keys in the wrong fields": {
            "bot_token": canaries["wrong Slack signing secret"],
            "signing_secret": canaries["wrong Slack bot token"],
        },
        "Slack keys of unknown names": {canaries["wrong Slack bot token"]: canaries["wrong Slack signing secret"]},
        "Slack keys of wrong types": {"bot_token": [canaries["wrong Slack bot token"]], "signing_secret": {}},
        "right Slack keys": {"bot_token": right.bot_token, "signing_secret": right.signing_secret},
    }
    bearer = {"authorization": f"Bearer {canaries['API key']}"}
    with TestClient(create_http_app(kernel), base_url=kernel.settings.public_url, follow_redirects=False) as api:
        for what, values in bodies.items():
            body = {"provider": "slack", "scheme": "keys", "agent_id": str(agent.id), "values": values}
            _ask(traces, what, partial(api.post, "/api/v1/connections", json=body, headers=bearer))
        account = {"account_sid": "AC" + "0" * 32, "auth_token": canaries["wrong Twilio auth token"]}
        body = {"provider": "twilio", "scheme": "keys", "agent_id": str(agent.id), "values": account}
        _ask(traces, "wrong Twilio keys", partial(api.post, "/api/v1/connections", json=body, headers=bearer))
        account = {
            "api_key": canaries["wrong Resend API key"],
            "signing_secret": canaries["wrong Resend signing secret"],
        }
        body = {"provider": "resend", "scheme": "keys", "agent_id": str(agent.id), "values": account}
        _ask(traces, "wrong Resend keys", partial(api.post, "/api/v1/connections", json=body, headers=bearer))
        for kind in ("500", "garbage", "reset", "429", "401"):
            for provider, connection in (
                ("slack", shop.slack),
                ("twilio", shop.twilio),
                ("google", shop.google),
                ("resend", shop.mail),
            ):
                line.sandbox.fail(provider, kind)
                check = _check(kernel, shop.actor, connection.id)
                traces.answers[f"check of {provider} with {kind}"] = repr(check)
        _consent(traces, api, str(agent.id))


def _consent(traces: Traces, api: TestClient, agent_id: str) -> None:
    line, canaries = traces.line, traces.canaries
    cookie = f"{session_cookie_name(line.kernel.settings)}={canaries['session token']}"
    base = "/api/admin/ai-agents/integrations/slack/oauth"
    for number, kind in enumerate(("", "500", "garbage")):
        begun = api.get(base, params={"agent_id": agent_id}, headers={"cookie": cookie})
        location = begun.headers["location"]
        canaries[f"OAuth state {number}"] = parse_qs(urlsplit(location).query)["state"][0]
        back = line.sandbox.consent(location, team="T0HARBOR001")
        query = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
        canaries[f"OAuth code {number}"] = query["code"]
        if kind:
            line.sandbox.fail("slack", kind)
        finish = partial(api.get, f"{base}/callback", params=query, headers={"cookie": cookie})
        _ask(traces, f"the way back from consent {number}", finish)
        _ask(traces, f"the same way again {number}", finish)


def _talk(traces: Traces, shop: WholeShop) -> None:
    line = traces.line
    app = line.sandbox.identities.own_app.app_id
    for service, kind in (("", ""), ("slack", "500"), ("twilio", "401"), ("slack", "garbage"), ("twilio", "reset")):
        if service:
            line.sandbox.fail(service, kind, count=3)
        line.settle(
            *line.sandbox.slack_message(
                "What are your opening hours?", channel=CHANNEL, mention=True, app=app
            ).event_ids,
            *line.sandbox.sms("when is the payout?", to=shop.number).event_ids,
        )
        line.work(with_sweep=True)
    for key, sender in (("model API key", "+14155550150"), ("wrong model API key", "+14155550151")):
        changes = {
            "openai_api_key": SecretStr(traces.canaries[key]),
            "openai_base_url": f"{line.sandbox.base_url}/openai/v1",
            "openai_model": "sandbox-1",
        }
        settings = line.kernel.settings.model_copy(update=changes)
        with _replaced(line, replace(line.kernel, settings=settings)):
            line.settle(*line.sandbox.sms("Tell me about camels.", to=shop.number, sender=sender).event_ids)
            line.work(with_sweep=True)
            traces.reprs[f"repr of the settings with the {key}"] = f"{settings!r} {line.kernel!r}"
    _check_all(traces, shop)


def _check(kernel: Kernel, actor: Actor, connection_id: UUID) -> CheckView:
    """Test a connection, as if some time after the last test: they are rationed."""
    _LATER.advance(timedelta(minutes=1))
    return check_connection(replace(kernel, clock=_LATER), actor=actor, connection_id=connection_id)


@contextmanager
def _replaced(line: Line, kernel: Kernel) -> Generator[None]:
    before, line.kernel = line.kernel, kernel
    try:
        yield
    finally:
        line.kernel = before


def _knock(traces: Traces, shop: WholeShop) -> None:
    """Requests that are not from the provider, with secrets in every place that a careless log would show (H3)."""
    canary = traces.canaries["secret in a bad body"]
    for kind, url in (
        ("slack", webhook_url(shop.slack, "events")),
        ("twilio", webhook_url(shop.twilio, "sms")),
        ("resend", webhook_url(shop.mail, "events")),
        ("google", f"{traces.line.address}/api/ai-agents/webhooks/google-calendar"),
    ):
        for what, body, headers in (
            ("unsigned", f'{{"token": "{canary}"}}', {}),
            (
                "badly signed",
                f"Body={canary}&From={canary}",
                dict.fromkeys(SIGNATURES, canary),
            ),
            ("not readable", f"\xff{canary}{{", {"authorization": f"Bearer {canary}", "cookie": f"a={canary}"}),
        ):
            address, content = f"{url}?token={canary}", body.encode("latin-1")
            ask = partial(httpx2.post, address, content=content, headers=headers, trust_env=False)
            _ask(traces, f"{what} to {kind}", ask)


def _break_the_database(traces: Traces, shop: WholeShop) -> None:
    """Let statements fail while secrets are their values or their callers' variables (H6)."""
    line, canaries = traces.line, traces.canaries
    kernel, url = line.kernel, line.kernel.settings.public_url
    twilio = line.sandbox.identities.twilio
    bearer = {"authorization": f"Bearer {canaries['API key']}"}
    said = traces.contents
    for table in MISSED:
        with (
            _without(traces.owner_url, table),
            TestClient(
                create_http_app(kernel), base_url=url, follow_redirects=False, raise_server_exceptions=False
            ) as client,
        ):
            client.headers.update({"origin": url})
            form = {"email": "pat@northwind.example", "password": canaries["wrong password"]}
            body = {
                "provider": "twilio",
                "scheme": "keys",
                "values": {"account_sid": twilio.account_sid, "auth_token": twilio.auth_token},
            }
            cookie = {"cookie": f"{session_cookie_name(kernel.settings)}={canaries['session token']}"}
            asks: dict[str, Callable[[], httpx2.Response]] = {
                "sign-in": partial(client.post, "/login", data=form),
                "link": partial(client.post, "/login/link/" + canaries["sign-in link"]),
                "connect": partial(client.post, "/api/v1/connections", json=body, headers=bearer),
                "session": partial(client.get, "/login", headers=cookie),
            }
            for what, ask in asks.items():
                _ask(traces, f"{what} without table {table}", ask)
            file = base64.b64encode(said["file"].encode()).decode()
            letter = Letter(attachments=[{"filename": "a.txt", "content": file}])
            events = (
                *line.sandbox.sms("when is the payout?", to=shop.number).event_ids,
                *line.sandbox.google.add(said["meeting"]).event_ids,
                *line.sandbox.mail.write(to=shop.address, text=said["letter"], letter=letter).event_ids,
            )
            _work(traces, f"without table {table}", *events)


@contextmanager
def _without(owner_url: str, table: str) -> Generator[None]:
    engine = create_engine(owner_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {table}_away"))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE {table}_away RENAME TO {table}"))


def _leave_work_in_redis(traces: Traces) -> None:
    """Put jobs where RQ keeps them, as the product's own queue does."""
    line = traces.line
    line.sandbox.wait_for_webhooks(
        *line.sandbox.sms("when is the payout?", to=line.sandbox.identities.twilio.numbers[0]).event_ids
    )
    assert line.queue.wakes
    RqQueue(connect_redis(line.kernel.settings)).wake(list(line.queue.wakes))
    line.work(with_sweep=True)
