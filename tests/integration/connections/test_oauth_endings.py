"""Every way that connecting by consent can be attacked or go wrong: nothing is stored, nothing comes back.

The cases share a database, because in none of them anything may be stored; each has tenants of its own.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit, urlunsplit
from uuid import UUID

import pytest
from httpx2 import Response
from sqlalchemy import text
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import Role
from services import connections
from services.connections.oauth import ATTEMPT_LIFETIME
from services.connections.oauth_reply import REFUSALS
from services.kernel.errors import Forbidden, Refused
from services.kernel.ids import new_token
from services.kernel.kernel import Kernel
from services.kernel.settings import ProviderApp, Settings
from tests.integration.connections.scene import (
    PUBLIC_URL,
    audit_actions,
    count_rows,
    dump_database,
    new_agent,
    pointed_at,
    second_browser,
    set_role,
)
from tests.integration.connections.walk import (
    BEGIN,
    CALLBACK,
    CANARY,
    Walk,
    attempt_outcomes,
    refused_endings,
    start_walk,
)
from tests.support.clock import FakeClock
from tests.support.databases import copied_database, url_of
from tests.support.kernels import build_kernel
from tests.support.sandbox import SandboxClient, running_sandbox
from workers.runtime.embedded import EmbeddedUrls


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    """One clock for all cases; it only goes forward."""
    return FakeClock()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxClient]:
    """The providers."""
    with running_sandbox(tmp_path_factory.mktemp("providers"), public_url=PUBLIC_URL) as client:
        yield client


@pytest.fixture(scope="module")
def kernel(
    servers: EmbeddedUrls, sandbox: SandboxClient, clock: FakeClock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kernel]:
    """The product's seams on one database for all cases."""
    with copied_database(servers.database_owner_url) as name:
        settings = Settings(
            data_dir=tmp_path_factory.mktemp("product"),
            database_url=url_of(servers.database_url, name),
            redis_url=servers.redis_url,
            sandbox=True,
        )
        built = build_kernel(pointed_at(sandbox, settings), clock=clock)
        yield built
        built.close()


@pytest.fixture(scope="module")
def web(kernel: Kernel) -> Iterator[TestClient]:
    """The product's plain HTTP routes."""
    with TestClient(create_http_app(kernel), base_url=PUBLIC_URL, follow_redirects=False) as client:
        yield client


@pytest.fixture
def walk(kernel: Kernel, web: TestClient, sandbox: SandboxClient, clock: FakeClock) -> Walk:
    """A walk of a new tenant whose consent was given."""
    return start_walk(kernel, web, sandbox, clock)


Ending = Callable[[Walk], Response]

# How a walk ends badly. Each case prepares and comes back; the code it must end with stands beside it.


def _with(**changes: str | None) -> Ending:
    """Come back with parameters changed, or left out if None."""

    def come_back(walk: Walk) -> Response:
        parameters = {name: value for name, value in (walk.parameters | changes).items() if value is not None}
        return walk.come_back(urlencode(parameters))

    return come_back


def _raw(template: str) -> Ending:
    """Come back with a query written by hand."""
    return lambda walk: walk.come_back(template.format(state=walk.state, code=quote(walk.code)))


def _in_other_session(walk: Walk) -> Response:
    walk.browser = second_browser(walk.kernel, walk.owner)
    return walk.come_back()


def _without_session(walk: Walk) -> Response:
    walk.browser = None
    return walk.come_back()


def _with_forged_cookie(walk: Walk) -> Response:
    walk.browser = replace(walk.owner, cookie=f"patchbay={new_token()}")
    return walk.come_back()


def _after_signing_out(walk: Walk) -> Response:
    with walk.kernel.unit_of_work(walk.owner.actor.tenant_id) as work:
        work.session.connection().execute(
            text("UPDATE web_session SET revoked_at = now() WHERE tenant_id = :id"), {"id": walk.owner.actor.tenant_id}
        )
    return walk.come_back()


def _in_another_tenant(walk: Walk) -> Response:
    walk.browser = walk.stranger
    return walk.come_back()


def _attacker_finishes_in_the_victims_browser(walk: Walk) -> Response:
    url = connections.begin_oauth(walk.kernel, actor=walk.stranger.actor, provider="slack", agent_id=None)
    walk.back_url = walk.sandbox.consent(url)
    return walk.come_back()


def _victims_code_with_the_attackers_state(walk: Walk) -> Response:
    url = connections.begin_oauth(walk.kernel, actor=walk.stranger.actor, provider="slack", agent_id=None)
    [state] = parse_qs(urlsplit(url).query)["state"]
    return _with(state=state)(walk)


def _too_late(walk: Walk) -> Response:
    walk.clock.advance(ATTEMPT_LIFETIME)
    return walk.come_back()


def _much_too_late(walk: Walk) -> Response:
    walk.clock.advance(timedelta(minutes=29))
    return walk.come_back()


def _after_cancelling(walk: Walk) -> Response:
    walk.come_back(urlencode({"error": "access_denied", "state": walk.state}))
    walk.endings_before += 1
    return walk.come_back()


def _after_a_stranger_tried(walk: Walk) -> Response:
    walk.web.get(f"{CALLBACK}?{urlsplit(walk.back_url).query}", headers=walk.stranger.headers)
    walk.endings_before += 1
    return walk.come_back()


def _for_another_provider(walk: Walk) -> Response:
    _change_attempt(walk, "provider = 'other'")
    return walk.come_back()


def _as_viewer(walk: Walk) -> Response:
    set_role(walk.kernel, walk.owner, Role.VIEWER)
    return walk.come_back()


def _agent_deleted(walk: Walk) -> Response:
    with walk.kernel.unit_of_work(walk.owner.actor.tenant_id) as work:
        work.session.connection().execute(
            text("DELETE FROM agent WHERE tenant_id = :id"), {"id": walk.owner.actor.tenant_id}
        )
    return walk.come_back()


def _code_of_another_return_address(walk: Walk) -> Response:
    parts = urlsplit(walk.consent_url)
    query = dict(parse_qsl(parts.query)) | {"redirect_uri": f"{PUBLIC_URL}{CALLBACK}/elsewhere"}
    stolen = walk.sandbox.consent(urlunsplit(parts._replace(query=urlencode(query))))
    return _with(code=parse_qs(urlsplit(stolen).query)["code"][0])(walk)


def _fewer_rights(walk: Walk) -> Response:
    parts = urlsplit(walk.consent_url)
    query = dict(parse_qsl(parts.query)) | {"scope": "chat:write"}
    # In a workspace of its own: where an app has more rights already, they stay granted.
    walk.back_url = walk.sandbox.consent(urlunsplit(parts._replace(query=urlencode(query))), team="T0HARBOR001")
    return walk.come_back()


def _provider_fails(kind: str, method: str) -> Ending:
    def come_back(walk: Walk) -> Response:
        walk.sandbox.fail("slack", kind, method=method)
        return walk.come_back()

    return come_back


def _operators_app(app: ProviderApp | None) -> Ending:
    """The operator changed the app's settings while the browser was away."""

    def come_back(walk: Walk) -> Response:
        apps = {"slack": app} if app else {}
        kernel = replace(walk.kernel, settings=walk.kernel.settings.model_copy(update={"provider_apps": apps}))
        with TestClient(create_http_app(kernel), base_url=PUBLIC_URL, follow_redirects=False) as web:
            walk.web = web
            return walk.come_back()

    return come_back


def _forged_hosts(walk: Walk) -> Response:
    walk.headers = {"host": f"{CANARY}.example", "x-forwarded-host": f"{CANARY}.example", "x-forwarded-proto": "http"}
    return _with(state=new_token())(walk)


def _unsigned_token(walk: Walk) -> Response:
    header, body = ('{"alg":"none"}', json.dumps({"tenant_id": str(walk.owner.actor.tenant_id), "agent_id": CANARY}))
    token = ".".join(part.encode().hex() for part in (header, body)) + "."
    return _with(state=token)(walk)


APP = ProviderApp.model_validate({"client_id": "1.2", "client_secret": "wrong", "signing_secret": "0" * 32})

ENDINGS: dict[str, tuple[Ending, str]] = {
    # A1, A5: whose browser is it
    "another session of the same person": (_in_other_session, "other_session"),
    "no session": (_without_session, "no_session"),
    "a forged cookie": (_with_forged_cookie, "no_session"),
    "signed out meanwhile": (_after_signing_out, "no_session"),
    "another tenant's browser": (_in_another_tenant, "other_tenant"),
    "the attacker's attempt in the victim's browser": (_attacker_finishes_in_the_victims_browser, "other_tenant"),
    "the victim's code with the attacker's state": (_victims_code_with_the_attackers_state, "other_tenant"),
    # A2: which provider, which attempt
    "another provider's attempt": (_for_another_provider, "other_provider"),
    "a code issued to another return address": (_code_of_another_return_address, "exchange_refused"),
    "tenant and agent in the parameters": (
        _raw("tenant_id=0&agent_id=0&connection_id=0&code=" + CANARY + "&state={state}"),
        "exchange_refused",
    ),
    "connection, app and window in the parameters": (
        _raw("connection_id=1&app_id=1&provider_app_id=1&popup=1&is_popup=1&code=" + CANARY + "&state={state}"),
        "exchange_refused",
    ),
    # A2, RFC 9207: who answers
    "another issuer": (_with(iss=f"https://{CANARY}.example"), "wrong_issuer"),
    "an issuer with a tail": (lambda walk: _with(iss=walk.sandbox.base_url + "/")(walk), "wrong_issuer"),
    "an issuer with a user name": (
        lambda walk: _with(iss=walk.sandbox.base_url.replace("//", f"//{CANARY}@"))(walk),
        "wrong_issuer",
    ),
    "two issuers": (_raw("state={state}&code={code}&iss=a&iss=" + CANARY), "repeated_parameter"),
    "an empty issuer": (_with(iss=""), "malformed_parameter"),
    "an oversized issuer": (_with(iss=CANARY * 100), "malformed_parameter"),
    "a control character in the issuer": (
        _raw("state={state}&code={code}&iss=a%0d%0a" + CANARY),
        "malformed_parameter",
    ),
    "an issuer with an error": (
        _raw("error=access_denied&state={state}&iss=https://" + CANARY + ".example"),
        "cancelled",
    ),
    # A3: where the code goes, how long the state lives
    "ten minutes later": (_too_late, "expired"),
    "much later": (_much_too_late, "expired"),
    "after cancelling": (_after_cancelling, "used"),
    "after a stranger tried": (_after_a_stranger_tried, "used"),
    "a token address in the parameters": (
        _raw("token_url=https://evil.example&code=" + CANARY + "&state={state}"),
        "exchange_refused",
    ),
    # A4, A6, A7: states that are not ours
    "an unsigned token as state": (_unsigned_token, "malformed_parameter"),
    "ids as state": (_with(state=json.dumps({"tenant": CANARY})), "malformed_parameter"),
    "an unknown state": (lambda walk: _with(state=new_token())(walk), "unknown_state"),
    "a tampered state": (
        lambda walk: _with(state=walk.state[:-1] + ("A" if walk.state[-1] != "A" else "B"))(walk),
        "unknown_state",
    ),
    "a state in other letters": (lambda walk: _with(state=walk.state.swapcase())(walk), "unknown_state"),
    "a state with a tail": (lambda walk: _with(state=walk.state + "A")(walk), "malformed_parameter"),
    "a state with a space": (lambda walk: _with(state=walk.state + " ")(walk), "malformed_parameter"),
    # A8, A9: redirects
    "forged host headers": (_forged_hosts, "unknown_state"),
    "a redirect in the parameters": (
        _raw("redirect_uri=//evil.example&next=https://a@evil.example&return_to=%2f%2fevil.example"),
        "missing_parameter",
    ),
    # Parameters
    "nothing": (_raw(""), "missing_parameter"),
    "no state": (_with(state=None), "missing_parameter"),
    "no code": (_with(code=None), "missing_parameter"),
    "an empty state": (_with(state=""), "missing_parameter"),
    "an empty code": (_with(code=""), "missing_parameter"),
    "names in capitals": (_raw("State={state}&Code={code}"), "missing_parameter"),
    "separated by semicolons": (_raw("state={state};code={code}"), "missing_parameter"),
    "the state twice": (_raw("state={state}&state={state}&code={code}"), "repeated_parameter"),
    "two states": (_raw("state=" + CANARY + "&state={state}&code={code}"), "repeated_parameter"),
    "two codes": (_raw("state={state}&code={code}&code=" + CANARY), "repeated_parameter"),
    "an oversized code": (_with(code=CANARY * 200), "malformed_parameter"),
    "an oversized state": (_with(state=CANARY * 2000), "malformed_parameter"),
    "a zero character in the code": (_raw("state={state}&code={code}%00"), "malformed_parameter"),
    "a header in the code": (_raw("state={state}&code=a%0d%0aSet-Cookie:%20" + CANARY), "malformed_parameter"),
    "a header in the state": (_raw("state={state}%0d%0aLocation:%20//evil.example&code=a"), "malformed_parameter"),
    "a code that is not ASCII": (_with(code="§" + CANARY), "malformed_parameter"),
    "bytes that are not UTF-8": (_raw("state=%ff%fe&code={code}"), "malformed_parameter"),
    "HTML as state": (_with(state=f"<script>{CANARY}</script>"), "malformed_parameter"),
    "very many parameters": (
        lambda walk: walk.come_back("&".join(f"{CANARY}{n}=1" for n in range(60))),
        "missing_parameter",
    ),
    # What the provider says
    "cancelled": (_raw("error=access_denied&state={state}"), "cancelled"),
    "cancelled without a state": (_raw("error=access_denied"), "cancelled"),
    "an error of the provider": (
        _raw("error=server_error&error_description=%3Cscript%3E" + CANARY + "&error_uri=//evil.example&state={state}"),
        "provider_error",
    ),
    "an error and a code": (_raw("error=" + CANARY + "&code={code}&state={state}"), "provider_error"),
    "an error twice": (_raw("error=access_denied&error=" + CANARY + "&state={state}"), "repeated_parameter"),
    "an oversized error": (_raw("error=" + CANARY * 50 + "&state={state}"), "malformed_parameter"),
    "a control character in the error": (_raw("error=a%0ab" + CANARY + "&state={state}"), "malformed_parameter"),
    "an empty error": (_raw("error=&state={state}&code={code}"), "malformed_parameter"),
    "a made-up code": (_with(code=CANARY), "exchange_refused"),
    "a token as code": (_with(code=f"eyJhbGciOiJub25lIn0.{CANARY}."), "exchange_refused"),
    "a code with parameters in it": (_with(code=f"{CANARY}&redirect_uri=//evil.example"), "exchange_refused"),
    "the provider is busy": (_provider_fails("429", "oauth.v2.access"), "unavailable"),
    "the provider is down": (_provider_fails("500", "oauth.v2.access"), "unavailable"),
    "the provider hangs up": (_provider_fails("reset", "oauth.v2.access"), "unavailable"),
    "the provider answers nonsense": (_provider_fails("garbage", "oauth.v2.access"), "exchange_refused"),
    "the new token does not work": (_provider_fails("401", "auth.test"), "incomplete_grant"),
    "the provider goes down before the check": (_provider_fails("500", "auth.test"), "unavailable"),
    "fewer rights than asked for": (_fewer_rights, "missing_scope"),
    # What changed meanwhile
    "the role was taken away": (_as_viewer, "missing_permission"),
    "the agent was deleted": (_agent_deleted, "unknown_state"),
    "the operator removed the app": (_operators_app(None), "not_configured"),
    "the operator's secret is wrong": (_operators_app(APP), "exchange_refused"),
    "the operator's app lost its signing secret": (
        _operators_app(APP.model_copy(update={"signing_secret": APP.signing_secret.__class__("")})),
        "no_signing_secret",
    ),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_a_bad_ending_stores_and_reflects_nothing(walk: Walk, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    come_back, code = ENDINGS[name]
    answer = come_back(walk)
    location = answer.headers["location"]
    assert answer.status_code == 303
    outcomes = refused_endings(walk.kernel)[walk.endings_before :]
    assert [outcome["code"] for outcome in outcomes] == [code]
    assert count_rows(walk.kernel, "credential") == count_rows(walk.kernel, "connection") == 0
    parts = urlsplit(location)
    assert (parts.scheme, parts.netloc) == ("", "")
    assert location.startswith(("/admin/ai-team/", "/admin/integrations/", "/login/"))
    if location != "/login/":
        query = parse_qs(parts.query)
        assert all(UUID(attempt) for attempt in query.pop("attempt", []))
        assert query == {"refused": [code], "provider": ["slack"]}
    # The test's own browser logs the addresses it visits, under its libraries' names.
    ours = [record for record in caplog.records if not record.name.startswith(("httpx2", "httpcore2"))]
    logged = repr([record.__dict__ for record in ours])
    shown = repr(answer.headers) + answer.text + logged + json.dumps(outcomes)
    for value in (CANARY, "evil.example", walk.state, walk.code):
        assert value not in shown
        assert value.encode() not in dump_database(walk.kernel)
    assert walk.sandbox.ledger().calls.keys() <= {"slack oauth.v2.access", "slack auth.test"}


ONE_OF_EACH = list({code: name for name, (_, code) in ENDINGS.items()}.values())


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_bad_ending_in_a_window_stores_and_reflects_nothing(
    kernel: Kernel, web: TestClient, sandbox: SandboxClient, clock: FakeClock, name: str
) -> None:
    walk = start_walk(kernel, web, sandbox, clock, is_popup=True)
    come_back, code = ENDINGS[name]
    answer = come_back(walk)
    assert [outcome["code"] for outcome in refused_endings(kernel)[walk.endings_before :]] == [code]
    assert count_rows(kernel, "credential") == count_rows(kernel, "connection") == 0
    if answer.status_code == 303:  # nobody is signed in, or the walk is not theirs: nothing says that it had a window
        assert answer.headers["location"].startswith(("/admin/ai-team/", "/admin/integrations/", "/login/"))
        assert answer.content == b""
    else:
        assert answer.status_code == 200 and "location" not in answer.headers
        assert f'"code": "{code}"' in answer.text and f'postMessage(result, "{PUBLIC_URL}")' in answer.text
    shown = repr(answer.headers) + answer.text
    for value in (CANARY, "evil.example", walk.state, walk.code):
        assert value not in shown


@pytest.mark.parametrize("name", ["no session", "another tenant's browser", "cancelled", "fewer rights than asked for"])
def test_a_bad_ending_uses_the_attempt_up(walk: Walk, name: str) -> None:
    come_back, code = ENDINGS[name]
    come_back(walk)
    walk.browser = walk.owner
    assert walk.come_back().headers["location"].endswith("?refused=used&provider=slack")
    assert attempt_outcomes(walk.kernel)[-1] == code


def test_another_tenant_learns_nothing_about_the_attempt(walk: Walk) -> None:
    walk.browser = walk.stranger
    assert walk.come_back().headers["location"] == "/admin/integrations/?refused=other_tenant&provider=slack"
    assert audit_actions(walk.kernel, walk.stranger.actor) == []
    [outcome] = refused_endings(walk.kernel)[walk.endings_before :]
    assert outcome["actor"] == "OAuth callback"
    assert outcome["tenant"] == str(walk.owner.actor.tenant_id)


def test_an_actor_with_a_borrowed_session_id_is_still_another_tenants(walk: Walk) -> None:
    forged = replace(walk.stranger.actor, session_id=walk.owner.actor.session_id)
    query = {name: [value] for name, value in walk.parameters.items()}
    outcome = connections.finish_oauth(walk.kernel, actor=forged, provider="slack", query=query)
    assert (outcome.ok, outcome.code, outcome.agent_id) == (False, "other_tenant", None)


def test_nothing_of_an_unknown_callback_is_recorded_without_a_tenant(
    kernel: Kernel, web: TestClient, sandbox: SandboxClient
) -> None:
    before = count_rows(kernel, "audit_entry")
    answer = web.get(f"{CALLBACK}?state={new_token()}&code=x")
    assert answer.headers["location"] == "/login/"
    assert count_rows(kernel, "audit_entry") == before


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_cannot_start_a_walk(walk: Walk, site: str) -> None:
    before = count_rows(walk.kernel, "oauth_attempt")
    answer = walk.web.get(BEGIN, headers={**walk.owner.headers, "sec-fetch-site": site})
    assert answer.status_code == 403
    assert count_rows(walk.kernel, "oauth_attempt") == before


def test_starting_needs_a_session(web: TestClient, sandbox: SandboxClient) -> None:
    assert web.get(BEGIN).headers["location"] == "/login/"


def test_starting_needs_the_right(walk: Walk) -> None:
    set_role(walk.kernel, walk.owner, Role.OPERATOR)
    answer = walk.web.get(BEGIN, params={"agent_id": str(walk.agent_id)}, headers=walk.owner.headers)
    page = f"/admin/ai-team/{walk.agent_id}/integrations/"
    assert answer.headers["location"] == f"{page}?refused=missing_permission&provider=slack"


def test_starting_needs_a_browser(walk: Walk) -> None:
    with pytest.raises(Forbidden):
        connections.begin_oauth(
            walk.kernel, actor=replace(walk.owner.actor, session_id=None), provider="slack", agent_id=None
        )


def test_starting_for_somebody_elses_agent_is_not_possible(walk: Walk) -> None:
    theirs = new_agent(walk.kernel, walk.stranger.actor)
    for agent_id in (str(theirs), new_token(), f"{walk.agent_id}&agent_id={walk.agent_id}", ""):
        answer = walk.web.get(f"{BEGIN}?agent_id={agent_id}", headers=walk.owner.headers)
        assert answer.status_code == 404
        assert not agent_id or agent_id not in answer.text


@pytest.mark.parametrize("provider", ["nothing", "twilio", CANARY, "%2e%2e", "slack%00"])
@pytest.mark.parametrize("end", ["", "/callback", "/", "/callback/"])
def test_addresses_of_providers_without_consent_are_not_there(walk: Walk, provider: str, end: str) -> None:
    answer = walk.web.get(
        f"/api/admin/ai-agents/integrations/{provider}/oauth{end}", headers={**walk.owner.headers, "host": CANARY}
    )
    assert answer.status_code == 404
    assert CANARY not in answer.text
    assert "location" not in answer.headers


def test_an_operator_who_forgot_the_app_is_told_the_setting(walk: Walk) -> None:
    for apps, message in (
        ({}, "PATCHBAY_PROVIDER_APPS has no entry for slack"),
        (
            {"slack": ProviderApp(client_id="1.2")},
            "PATCHBAY_PROVIDER_APPS has no client_id and client_secret for slack",
        ),
        (
            {"slack": ProviderApp.model_validate({"client_id": "1.2", "client_secret": "x"})},
            "PATCHBAY_PROVIDER_APPS has no signing_secret for slack",
        ),
    ):
        kernel = replace(walk.kernel, settings=walk.kernel.settings.model_copy(update={"provider_apps": apps}))
        with pytest.raises(Refused, match=message):
            connections.begin_oauth(kernel, actor=walk.owner.actor, provider="slack", agent_id=None)


def test_every_ending_is_a_known_one() -> None:
    assert {code for _, code in ENDINGS.values()} <= REFUSALS.keys()


def _change_attempt(walk: Walk, assignment: str) -> None:
    with walk.kernel.unscoped_session("test plays an intruder with write access") as session:
        session.connection().execute(text(f"UPDATE oauth_attempt SET {assignment}"))
