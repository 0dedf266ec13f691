"""Google's consent page, tokens, and what ends them."""

import base64
import hashlib
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from tests.integration.sandbox.conftest import Product
from tests.support.clock import FakeClock
from tests.support.sandbox import SandboxClient, running_sandbox
from tests.support.sandbox_google import BRI, CALENDAR_EVENTS, CALENDAR_SCOPES, OPS, GoogleTokens

VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
FULL_EMAIL = "https://www.googleapis.com/auth/userinfo.email"


def authorize_url(sandbox: SandboxClient, product: Product, **changes: str) -> str:
    query = {
        "client_id": sandbox.identities.google.client_id,
        "redirect_uri": product.google_redirect_uri,
        "response_type": "code",
        "scope": " ".join(CALENDAR_SCOPES),
        "access_type": "offline",
        "prompt": "consent",
        "state": "s&1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return f"{sandbox.base_url}/google/o/oauth2/v2/auth?{urlencode(query | changes)}"


def code_for(sandbox: SandboxClient, product: Product, **changes: str) -> str:
    back = sandbox.google.consent(authorize_url(sandbox, product, **changes))
    assert back.startswith(product.google_redirect_uri)
    query = parse_qs(urlsplit(back).query)
    assert query["state"] == ["s&1"]
    return query["code"][0]


def ask_token(sandbox: SandboxClient, **form: str) -> httpx2.Response:
    identity = sandbox.identities.google
    client = {"client_id": identity.client_id, "client_secret": identity.client_secret}
    return httpx2.post(f"{sandbox.base_url}/google/token", data=client | form)


def exchange(sandbox: SandboxClient, product: Product, code: str, /, **changes: str) -> httpx2.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": product.google_redirect_uri,
        "code_verifier": VERIFIER,
    }
    return ask_token(sandbox, **(form | changes))


def refresh(sandbox: SandboxClient, token: str) -> httpx2.Response:
    return ask_token(sandbox, grant_type="refresh_token", refresh_token=token)


def who(sandbox: SandboxClient, token: str) -> httpx2.Response:
    return httpx2.get(f"{sandbox.base_url}/google/oauth2/v3/userinfo", headers={"authorization": f"Bearer {token}"})


@pytest.fixture
def tokens(sandbox: SandboxClient, product: Product) -> GoogleTokens:
    return sandbox.google.connect(redirect_uri=product.google_redirect_uri)


def test_the_page_offers_people_and_rights(sandbox: SandboxClient, product: Product) -> None:
    page = httpx2.get(authorize_url(sandbox, product, login_hint=OPS))
    assert page.status_code == 200
    assert "View and edit events on all your calendars" in page.text
    assert f'value="{OPS}" selected' in page.text and BRI in page.text
    assert page.text.count('type="checkbox"') == 2


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"redirect_uri": "http://127.0.0.1:1/elsewhere"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": ""}, 400, "invalid_request"),
        ({"response_type": "token"}, 400, "unsupported_response_type"),
        ({"scope": ""}, 400, "invalid_request"),
        ({"scope": "openid <b>mail</b>"}, 400, "invalid_scope"),
        ({"code_challenge_method": "S512"}, 400, "invalid_request"),
        ({"access_type": "always"}, 400, "invalid_request"),
    ],
)
def test_a_wrong_request_goes_nowhere(
    sandbox: SandboxClient, product: Product, changes: dict[str, str], status: int, error: str
) -> None:
    for method in ("GET", "POST"):
        page = httpx2.request(method, authorize_url(sandbox, product, **changes))
        assert (page.status_code, error in page.text, page.headers.get("location")) == (status, True, None)
        assert "<b>mail" not in page.text


def test_a_longer_redirect_address_is_another(sandbox: SandboxClient, product: Product) -> None:
    page = httpx2.get(authorize_url(sandbox, product, redirect_uri=f"{product.google_redirect_uri}/more"))
    assert page.status_code == 400


def test_saying_no_goes_back_with_an_error(sandbox: SandboxClient, product: Product) -> None:
    back = sandbox.google.consent(authorize_url(sandbox, product), allow=False)
    assert parse_qs(urlsplit(back).query) == {"error": ["access_denied"], "state": ["s&1"]}


def test_a_code_becomes_tokens_once(sandbox: SandboxClient, product: Product) -> None:
    code = code_for(sandbox, product)
    answer = exchange(sandbox, product, code).json()
    assert answer.keys() == {"access_token", "refresh_token", "expires_in", "scope", "token_type"}
    assert (answer["expires_in"], answer["token_type"]) == (3599, "Bearer")
    assert set(answer["scope"].split()) == {"openid", FULL_EMAIL, *CALENDAR_SCOPES[2:]}
    again = exchange(sandbox, product, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"code": "4/0Awrong"}, 400, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:1/elsewhere"}, 400, "redirect_uri_mismatch"),
        ({"code_verifier": "w" * 64}, 400, "invalid_grant"),
        ({"code_verifier": ""}, 400, "invalid_grant"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
    ],
)
def test_a_wrong_exchange_is_refused(
    sandbox: SandboxClient, product: Product, changes: dict[str, str], status: int, error: str
) -> None:
    code = code_for(sandbox, product)
    answer = exchange(sandbox, product, code, **changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_the_client_may_name_itself_by_http_basic(sandbox: SandboxClient, product: Product) -> None:
    identity = sandbox.identities.google
    form = {
        "grant_type": "authorization_code",
        "code": code_for(sandbox, product),
        "redirect_uri": product.google_redirect_uri,
        "code_verifier": VERIFIER,
    }
    url = f"{sandbox.base_url}/google/token"
    assert httpx2.post(url, data=form, auth=(identity.client_id, "wrong")).status_code == 401
    assert httpx2.post(url, data=form, auth=(identity.client_id, identity.client_secret)).status_code == 200


def test_what_the_person_left_out_is_not_granted(sandbox: SandboxClient, product: Product) -> None:
    back = sandbox.google.consent(authorize_url(sandbox, product), scopes=[CALENDAR_EVENTS])
    code = parse_qs(urlsplit(back).query)["code"][0]
    assert exchange(sandbox, product, code).json()["scope"].split() == ["openid", FULL_EMAIL, CALENDAR_EVENTS]
    only = sandbox.google.consent(authorize_url(sandbox, product, scope=CALENDAR_EVENTS), scopes=[])
    assert parse_qs(urlsplit(only).query)["error"] == ["access_denied"]


def test_what_was_granted_before_is_included_if_asked_for(sandbox: SandboxClient, product: Product) -> None:
    def granted(scope: str, **changes: str) -> set[str]:
        answer = exchange(sandbox, product, code_for(sandbox, product, scope=scope, **changes))
        return set(answer.json()["scope"].split())

    assert granted("openid") == {"openid"}
    assert granted(CALENDAR_EVENTS) == {CALENDAR_EVENTS}
    assert granted("email", include_granted_scopes="true") == {"openid", FULL_EMAIL, CALENDAR_EVENTS}


def test_a_refresh_token_comes_first_or_when_asked_anew(sandbox: SandboxClient, product: Product) -> None:
    def connect(prompt: str, access_type: str = "offline") -> str:
        return sandbox.google.connect(
            redirect_uri=product.google_redirect_uri, prompt=prompt, access_type=access_type
        ).refresh_token

    assert not connect("consent", "online")
    first = connect("")
    assert first
    assert not connect("")
    assert not connect("select_account")
    second = connect("select_account consent")
    assert second not in {"", first}
    assert refresh(sandbox, first).status_code == refresh(sandbox, second).status_code == 200


def test_refreshing_gives_a_new_access_token_only(sandbox: SandboxClient, tokens: GoogleTokens) -> None:
    answer = refresh(sandbox, tokens.refresh_token).json()
    assert answer.keys() == {"access_token", "expires_in", "scope", "token_type"}
    assert answer["access_token"] != tokens.access_token
    assert answer["scope"].split() == list(tokens.scopes)
    assert refresh(sandbox, tokens.refresh_token).status_code == 200
    assert refresh(sandbox, "1//0wrong").json()["error"] == "invalid_grant"


def test_the_token_says_who_the_person_is(sandbox: SandboxClient, product: Product, tokens: GoogleTokens) -> None:
    answer = who(sandbox, tokens.access_token).json()
    assert (answer["email"], answer["email_verified"]) == (BRI, True)
    assert "name" not in answer
    named = sandbox.google.connect(
        redirect_uri=product.google_redirect_uri, account=OPS, scopes=("openid", "email", "profile")
    )
    assert who(sandbox, named.access_token).json()["name"] == "Northwind Operations"
    bare = sandbox.google.connect(redirect_uri=product.google_redirect_uri, scopes=(CALENDAR_EVENTS,))
    assert who(sandbox, bare.access_token).status_code == 403
    assert who(sandbox, "ya29.wrong").status_code == 401


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_revoking_either_token_ends_both(sandbox: SandboxClient, tokens: GoogleTokens, kind: str) -> None:
    url, form = f"{sandbox.base_url}/google/revoke", {"token": str(getattr(tokens, kind))}
    assert httpx2.post(url, data=form).status_code == 200
    assert who(sandbox, tokens.access_token).status_code == 401
    answer = refresh(sandbox, tokens.refresh_token)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    again = httpx2.post(url, data=form)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_token")


def test_one_person_s_revocation_is_not_another_s(sandbox: SandboxClient, product: Product) -> None:
    bri, ops = (
        sandbox.google.connect(redirect_uri=product.google_redirect_uri, account=account) for account in (BRI, OPS)
    )
    sandbox.google.access("revoke", account=BRI)
    assert refresh(sandbox, bri.refresh_token).status_code == 400
    assert refresh(sandbox, ops.refresh_token).status_code == 200


def test_access_can_be_spoilt_and_mended(sandbox: SandboxClient, tokens: GoogleTokens) -> None:
    sandbox.google.access("expire")
    assert who(sandbox, tokens.access_token).status_code == 401
    renewed = refresh(sandbox, tokens.refresh_token).json()["access_token"]
    assert who(sandbox, renewed).status_code == 200
    sandbox.google.access("refuse")
    assert who(sandbox, refresh(sandbox, tokens.refresh_token).json()["access_token"]).status_code == 401
    sandbox.google.access("accept")
    assert who(sandbox, renewed).status_code == 200


def test_tokens_live_by_the_clock(tmp_path: Path, product: Product) -> None:
    clock = FakeClock()
    with running_sandbox(tmp_path, public_url=product.url, clock=clock) as sandbox:
        lasting = sandbox.google.connect(redirect_uri=product.google_redirect_uri)
        sandbox.google.testing(on=True)
        testing = sandbox.google.connect(redirect_uri=product.google_redirect_uri)
        late = code_for(sandbox, product)
        clock.advance(timedelta(seconds=3598))
        assert who(sandbox, lasting.access_token).status_code == 200
        assert exchange(sandbox, product, late).json()["error"] == "invalid_grant"
        clock.advance(timedelta(seconds=1))
        assert who(sandbox, lasting.access_token).status_code == 401
        clock.advance(timedelta(days=7))
        assert refresh(sandbox, lasting.refresh_token).status_code == 200
        assert refresh(sandbox, testing.refresh_token).json() == {
            "error": "invalid_grant",
            "error_description": "Token has been expired or revoked.",
        }


def test_faults_reach_the_token_endpoint(sandbox: SandboxClient, tokens: GoogleTokens) -> None:
    sandbox.fail("google", "503", method="oauth.token")
    assert refresh(sandbox, tokens.refresh_token).status_code == 503
    assert refresh(sandbox, tokens.refresh_token).status_code == 200
