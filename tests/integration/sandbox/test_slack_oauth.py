"""Slack's consent page and token exchange, and what they refuse."""

import base64
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from tests.integration.sandbox.conftest import Product
from tests.support.clock import FakeClock
from tests.support.sandbox import SandboxClient, running_sandbox


def authorize_url(sandbox: SandboxClient, product: Product, **changes: str) -> str:
    query = {
        "client_id": sandbox.identities.slack_app.client_id,
        "scope": "chat:write,im:history",
        "redirect_uri": product.redirect_uri,
        "state": "s&1",
    }
    return f"{sandbox.base_url}/slack/oauth/v2/authorize?{urlencode(query | changes)}"


def code_for(sandbox: SandboxClient, product: Product, **changes: str) -> str:
    back = sandbox.consent(authorize_url(sandbox, product, **changes))
    assert back.startswith(product.redirect_uri)
    query = parse_qs(urlsplit(back).query)
    assert query["state"] == ["s&1"]
    return query["code"][0]


def exchange(sandbox: SandboxClient, product: Product, code: str, /, **changes: str) -> dict[str, object]:
    app = sandbox.identities.slack_app
    form = {
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "code": code,
        "redirect_uri": product.redirect_uri,
    }
    return httpx2.post(f"{sandbox.base_url}/slack/api/oauth.v2.access", data=form | changes).json()


def test_the_page_names_app_and_rights(sandbox: SandboxClient, product: Product) -> None:
    page = httpx2.get(authorize_url(sandbox, product))
    assert page.status_code == 200
    assert "Send messages" in page.text and "chat:write" in page.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "1.2"}, "invalid_client_id"),
        ({"redirect_uri": "http://127.0.0.1:1/elsewhere"}, "bad_redirect_uri"),
        ({"scope": "chat:write,admin:everything"}, "invalid_scope"),
        ({"scope": ""}, "no_scopes"),
    ],
)
def test_a_wrong_request_goes_nowhere(
    sandbox: SandboxClient, product: Product, changes: dict[str, str], error: str
) -> None:
    for method in ("GET", "POST"):
        page = httpx2.request(method, authorize_url(sandbox, product, **changes))
        assert (page.status_code, error in page.text, page.headers.get("location")) == (400, True, None)


def test_markup_in_the_request_stays_text(sandbox: SandboxClient, product: Product) -> None:
    page = httpx2.get(authorize_url(sandbox, product, scope="<script>alert(1)</script>"))
    assert "<script>" not in page.text


def test_saying_no_goes_back_with_an_error(sandbox: SandboxClient, product: Product) -> None:
    back = sandbox.consent(authorize_url(sandbox, product), allow=False)
    assert parse_qs(urlsplit(back).query) == {"error": ["access_denied"], "state": ["s&1"]}


def test_a_code_becomes_a_token_once(sandbox: SandboxClient, product: Product) -> None:
    code = code_for(sandbox, product)
    answer = exchange(sandbox, product, code)
    token = str(answer.pop("access_token"))
    assert token.startswith("xoxb-")
    assert answer == {
        "ok": True,
        "app_id": "A0PATCHBAY1",
        "authed_user": {"id": "U0MIA000001"},
        "scope": "chat:write,im:history",
        "token_type": "bot",
        "bot_user_id": "U0PATCHBAY1",
        "team": {"id": "T0NORTHWIND", "name": "Northwind Creators"},
        "enterprise": None,
        "is_enterprise_install": False,
    }
    assert exchange(sandbox, product, code)["error"] == "code_already_used"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "1.2"}, "invalid_client_id"),
        ({"client_secret": "wrong"}, "bad_client_secret"),
        ({"code": "wrong"}, "invalid_code"),
        ({"redirect_uri": "http://127.0.0.1:1/elsewhere"}, "bad_redirect_uri"),
        ({"grant_type": "password"}, "invalid_grant_type"),
    ],
)
def test_a_wrong_exchange_is_refused_and_spends_nothing(
    sandbox: SandboxClient, product: Product, changes: dict[str, str], error: str
) -> None:
    code = code_for(sandbox, product)
    assert exchange(sandbox, product, code, **changes) == {"ok": False, "error": error}
    assert exchange(sandbox, product, code)["ok"]


def test_client_credentials_may_come_by_basic(sandbox: SandboxClient, product: Product) -> None:
    app = sandbox.identities.slack_app
    form = {"code": code_for(sandbox, product), "redirect_uri": product.redirect_uri}
    url = f"{sandbox.base_url}/slack/api/oauth.v2.access"
    assert httpx2.post(url, data=form, auth=(app.client_id, "wrong")).json()["error"] == "bad_client_secret"
    assert httpx2.post(url, data=form, auth=(app.client_id, app.client_secret)).json()["ok"]
    assert httpx2.post(url, data=form, headers={"authorization": "Basic ???"}).json()["error"] == "invalid_client_id"


def test_a_code_with_a_challenge_needs_the_verifier(sandbox: SandboxClient, product: Product) -> None:
    # RFC 7636, appendix B.
    verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert len(base64.urlsafe_b64decode(f"{challenge}=")) == 32
    code = code_for(sandbox, product, code_challenge=challenge, code_challenge_method="S256")
    assert not exchange(sandbox, product, code)["ok"]
    assert exchange(sandbox, product, code, code_verifier=verifier)["ok"]


def test_installing_again_keeps_the_token_and_adds_scopes(sandbox: SandboxClient, product: Product) -> None:
    first = exchange(sandbox, product, code_for(sandbox, product))
    second = exchange(sandbox, product, code_for(sandbox, product, scope="users:read"))
    assert second["access_token"] == first["access_token"]
    assert second["scope"] == "chat:write,im:history,users:read"


def renew(sandbox: SandboxClient, refresh_token: object, /, **changes: str) -> dict[str, object]:
    app = sandbox.identities.slack_app
    form = {
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "grant_type": "refresh_token",
        "refresh_token": str(refresh_token),
    }
    return httpx2.post(f"{sandbox.base_url}/slack/api/oauth.v2.access", data=form | changes).json()


def whose(sandbox: SandboxClient, token: object) -> str:
    """Return what ``auth.test`` says of a token: ``ok``, or the refusal."""
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx2.post(f"{sandbox.base_url}/slack/api/auth.test", headers=headers).json()
    return "ok" if answer["ok"] else str(answer["error"])


def test_a_rotating_token_ends_and_is_renewed_once(tmp_path: Path, product: Product) -> None:
    clock = FakeClock()
    with running_sandbox(tmp_path, public_url=product.url, clock=clock) as sandbox:
        sandbox.rotate_tokens(seconds=3600)
        first = exchange(sandbox, product, code_for(sandbox, product))
        assert str(first["access_token"]).startswith("xoxe.xoxb-")
        assert first["expires_in"] == 3600

        clock.advance(timedelta(minutes=50))
        second = renew(sandbox, first["refresh_token"])
        assert second["ok"] and second["expires_in"] == 3600
        assert len({first["access_token"], second["access_token"]}) == 2
        assert len({first["refresh_token"], second["refresh_token"]}) == 2
        # The one before lives to its own end. https://docs.slack.dev/authentication/using-token-rotation
        assert [whose(sandbox, answer["access_token"]) for answer in (first, second)] == ["ok", "ok"]
        assert renew(sandbox, first["refresh_token"])["error"] == "invalid_refresh_token"

        clock.advance(timedelta(minutes=20))
        assert [whose(sandbox, answer["access_token"]) for answer in (first, second)] == ["token_expired", "ok"]
        clock.advance(timedelta(hours=1))
        assert whose(sandbox, second["access_token"]) == "token_expired"
        third = renew(sandbox, second["refresh_token"])
        assert whose(sandbox, third["access_token"]) == "ok"

        sandbox.slack_control("revoke")
        assert whose(sandbox, third["access_token"]) == "token_revoked"
        assert renew(sandbox, third["refresh_token"])["error"] == "invalid_refresh_token"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "1.2"}, "invalid_client_id"),
        ({"client_secret": "wrong"}, "bad_client_secret"),
        ({"refresh_token": ""}, "invalid_refresh_token"),
        ({"refresh_token": "xoxe-1-wrong"}, "invalid_refresh_token"),
    ],
)
def test_a_wrong_renewal_is_refused_and_spends_nothing(
    sandbox: SandboxClient, product: Product, changes: dict[str, str], error: str
) -> None:
    sandbox.rotate_tokens()
    first = exchange(sandbox, product, code_for(sandbox, product))
    assert renew(sandbox, first["refresh_token"], **changes) == {"ok": False, "error": error}
    assert renew(sandbox, first["refresh_token"])["ok"]


def test_another_app_cannot_renew_the_token(sandbox: SandboxClient, product: Product) -> None:
    sandbox.rotate_tokens()
    first = exchange(sandbox, product, code_for(sandbox, product))
    own = sandbox.identities.own_app
    keys = {"client_id": own.client_id, "client_secret": own.client_secret}
    assert renew(sandbox, first["refresh_token"], **keys)["error"] == "invalid_refresh_token"


def test_a_code_lives_ten_minutes(tmp_path: Path, product: Product) -> None:
    clock = FakeClock()
    with running_sandbox(tmp_path, public_url=product.url, clock=clock) as sandbox:
        early, late = code_for(sandbox, product), code_for(sandbox, product)
        clock.advance(timedelta(minutes=9, seconds=59))
        assert exchange(sandbox, product, early)["ok"]
        clock.advance(timedelta(seconds=1))
        assert exchange(sandbox, product, late)["error"] == "invalid_code"
