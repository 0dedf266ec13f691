"""Set-up, sign-in and sign-out in a browser: forms without JavaScript, cookies, links that work once, foreign pages."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from html import unescape
from itertools import product

import httpx2
import pytest
from starlette.testclient import TestClient

from app.http.api import create_http_app
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from services.tenants import bootstrap, create_setup_link, find_actor_by_session
from tests.support.clock import FakeClock

OWN = {"Origin": "http://127.0.0.1:8000"}
PASSWORD = "four unrelated words do"
OWNER = {"tenant_name": "Acme", "name": "Ana", "email": "ana@example.com", "password": PASSWORD}


def _set_up(browser: TestClient, kernel: Kernel, **changed: str) -> httpx2.Response:
    token = create_setup_link(kernel).partition("token=")[2]
    return _post(browser, "/setup", {"token": token, **OWNER, **changed})


def _post(
    browser: TestClient, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
) -> httpx2.Response:
    return browser.post(path, data=dict(form), headers=dict(OWN if headers is None else headers))


def _sign_in(browser: TestClient, password: str = PASSWORD) -> httpx2.Response:
    return _post(browser, "/login", {"email": OWNER["email"], "password": password})


def _cookie(browser: TestClient) -> str:
    return browser.cookies.get("patchbay") or ""


def test_whole_way_from_setup_to_sign_out_and_in_again(browser: TestClient, kernel: Kernel) -> None:
    link = create_setup_link(kernel)
    page = browser.get(link)
    assert page.status_code == 200
    token = re.search(r'name="token" value="([^"]+)"', page.text)
    assert token
    done = _post(browser, "/setup", {"token": token[1], **OWNER})
    assert (done.status_code, done.headers["location"]) == (303, "/admin/ai-team/")
    actor = find_actor_by_session(kernel, _cookie(browser))
    assert actor
    assert actor.label == "Ana"
    assert browser.get("/login").headers["location"] == "/admin/ai-team/"

    before = _cookie(browser)
    out = _post(browser, "/logout", {})
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert not _cookie(browser)
    assert find_actor_by_session(kernel, before) is None
    assert browser.get("/login").status_code == 200

    back = _sign_in(browser)
    assert (back.status_code, back.headers["location"]) == (303, "/admin/ai-team/")
    assert find_actor_by_session(kernel, _cookie(browser)) != actor


def test_cookie_cannot_be_read_or_sent_from_elsewhere(browser: TestClient, kernel: Kernel) -> None:
    header = _set_up(browser, kernel).headers["set-cookie"]
    assert re.fullmatch(r"patchbay=[\w-]{43}; HttpOnly; Path=/; SameSite=lax", header)


def test_cookie_on_https_is_pinned_to_the_host(kernel: Kernel, settings: Settings) -> None:
    secure = settings.model_copy(update={"public_url": "https://patchbay.example"})
    app = create_http_app(replace(kernel, settings=secure))
    with TestClient(app, base_url="https://patchbay.example", follow_redirects=False) as browser:
        token = create_setup_link(kernel).partition("token=")[2]
        own = {"Origin": "https://patchbay.example"}
        done = _post(browser, "/setup", {"token": token, **OWNER}, own)
        assert re.fullmatch(
            r"__Host-patchbay=[\w-]{43}; HttpOnly; Path=/; SameSite=lax; Secure", done.headers["set-cookie"]
        )
        out = _post(browser, "/logout", {}, own).headers["set-cookie"]
        assert out.startswith('__Host-patchbay=""; ')
        assert "Secure" in out


def test_signing_in_ends_the_session_before(browser: TestClient, kernel: Kernel) -> None:
    _set_up(browser, kernel)
    before = _cookie(browser)
    _sign_in(browser)
    assert _cookie(browser) != before
    assert find_actor_by_session(kernel, before) is None


def test_planted_cookie_is_not_adopted(browser: TestClient, kernel: Kernel) -> None:
    _set_up(browser, kernel)
    browser.cookies.clear()
    browser.cookies.set("patchbay", "chosen-by-an-attacker")
    done = _sign_in(browser)
    assert "chosen-by-an-attacker" not in done.headers["set-cookie"]
    assert find_actor_by_session(kernel, "chosen-by-an-attacker") is None


def test_session_ends_by_itself(browser: TestClient, kernel: Kernel, clock: FakeClock) -> None:
    _set_up(browser, kernel)
    clock.advance(timedelta(minutes=29))
    assert browser.get("/login").status_code == 303
    clock.advance(timedelta(minutes=30))
    assert browser.get("/login").status_code == 200


def test_wrong_password_keeps_the_address_but_not_the_password(browser: TestClient, kernel: Kernel) -> None:
    _set_up(browser, kernel)
    browser.cookies.clear()
    page = _sign_in(browser, "CANARY-of-a-password")
    assert page.status_code == 401
    assert 'role="alert">The e-mail address or the password is not right' in page.text
    assert 'value="ana@example.com"' in page.text
    assert "CANARY" not in page.text
    assert not _cookie(browser)


def test_too_many_tries_are_told_how_long_to_wait(browser: TestClient, kernel: Kernel) -> None:
    _set_up(browser, kernel)
    browser.cookies.clear()
    for _ in range(10):
        assert _sign_in(browser, "wrong").status_code == 401
    page = _sign_in(browser)
    assert page.status_code == 429
    assert re.search(r"Too many tries for this account\. Wait \d minutes?, then try again\.", page.text)


def test_setup_errors_stand_beside_their_field(browser: TestClient, kernel: Kernel) -> None:
    page = _set_up(browser, kernel, password="short", tenant_name='"><script>alert(1)</script>')
    assert page.status_code == 422
    assert "<script>alert" not in page.text
    found = re.search(r'<input [^>]*id="password"[^>]*>', page.text)
    assert found
    assert 'aria-invalid="true"' in found[0]
    assert 'aria-describedby="password-error password-help"' in found[0]
    assert " autofocus" in found[0]
    assert 'id="password-error" role="alert">Use at least 15 characters; this one has 5' in page.text
    assert page.text.count("autofocus") == 1
    assert 'value="short"' not in page.text


def test_every_input_has_a_label_and_a_hint_for_the_browser(browser: TestClient, kernel: Kernel) -> None:
    for page in (browser.get("/login"), browser.get(create_setup_link(kernel))):
        inputs = re.findall(r'<input (?!type="hidden")[^>]*>', page.text)
        assert inputs
        for found in inputs:
            name = re.search(r'id="(\w+)"', found)
            assert name
            assert f'<label for="{name[1]}">' in page.text
            assert re.search(r'autocomplete="(organization|name|username|new-password|current-password)"', found)
            assert "onpaste" not in found


def test_dead_setup_links_say_what_to_do(browser: TestClient, kernel: Kernel) -> None:
    for path in ("/setup", "/setup?token=", "/setup?token=made-up", f"/setup?token={'x' * 5000}"):
        page = browser.get(path)
        assert page.status_code == 410
        assert "Start Patchbay again to print a new one" in page.text
    link = create_setup_link(kernel)
    _post(browser, "/setup", {"token": link.partition("token=")[2], **OWNER})
    page = browser.get(link)
    assert page.status_code == 410
    assert "Somebody has set it up already" in page.text
    assert 'href="/login"' in page.text


@pytest.mark.parametrize(
    ("query", "said", "unsaid"),
    [
        ("?ended=company", "The company is deleted, and you are signed out.", "could not be given back"),
        ("?ended=company&left=2", "At 2 services our access could not be given back", "one service"),
        ("?ended=company&left=%3Cb%3E", "The company is deleted", "could not be given back"),
        ("?ended=anything&left=2", "Sign in", "deleted"),
    ],
)
def test_login_page_says_that_a_company_is_gone(browser: TestClient, query: str, said: str, unsaid: str) -> None:
    page = browser.get(f"/login{query}").text
    assert said in page and unsaid not in page


def test_login_page_helps_before_the_setup(browser: TestClient, kernel: Kernel) -> None:
    assert "is not set up yet" in browser.get("/login").text
    _set_up(browser, kernel)
    browser.cookies.clear()
    assert "is not set up yet" not in browser.get("/login").text


def test_sign_in_link_survives_previews_and_works_once(browser: TestClient, kernel: Kernel) -> None:
    path = bootstrap(kernel, email="ana@example.com", tenant="Acme").sign_in_link.removeprefix("http://127.0.0.1:8000")
    for _ in range(3):
        page = browser.get(path)
        assert page.status_code == 200
        assert f'action="{path}"' in page.text
        assert browser.head(path).status_code == 405
        assert not _cookie(browser)
    done = _post(browser, path, {})
    assert (done.status_code, done.headers["location"]) == (303, "/admin/ai-team/")
    assert find_actor_by_session(kernel, _cookie(browser))
    for again in (browser.get(path), _post(browser, path, {})):
        assert again.status_code == 410
        assert "has been used or is too old" in again.text
        assert "set-cookie" not in again.headers


FOREIGN: tuple[Mapping[str, str], ...] = (
    {},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:8000.evil.example"},
    {"Origin": "https://127.0.0.1:8000"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": ""},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Referer": "http://127.0.0.1:8000/login"},
    {"Origin": "https://evil.example", "Host": "evil.example", "X-Forwarded-Host": "evil.example"},
)


def test_foreign_pages_change_nothing(browser: TestClient, kernel: Kernel) -> None:
    _set_up(browser, kernel)
    session = _cookie(browser)
    for path, headers in product(("/login", "/logout", "/setup", "/login/link/x"), FOREIGN):
        page = _post(browser, path, {"email": OWNER["email"], "password": PASSWORD}, headers)
        assert page.status_code == 403, (path, headers)
        assert "was not sent from Patchbay's own page" in unescape(page.text)
        assert "set-cookie" not in page.headers
    assert find_actor_by_session(kernel, session)


def test_own_pages_are_let_in(browser: TestClient) -> None:
    for headers in (OWN, {"Origin": "http://localhost:8000"}, {"Sec-Fetch-Site": "same-origin"}):
        assert _post(browser, "/login", {"email": "a", "password": "b"}, headers).status_code == 401


def test_reading_changes_nothing(browser: TestClient, kernel: Kernel) -> None:
    _set_up(browser, kernel)
    for path in ("/logout", "/login", "/setup", "/"):
        browser.get(path)
    assert find_actor_by_session(kernel, _cookie(browser))


def test_pages_load_nothing_from_elsewhere_and_cannot_be_framed(browser: TestClient, kernel: Kernel) -> None:
    pages = (browser.get("/login"), browser.get(create_setup_link(kernel)), browser.get("/setup"), _sign_in(browser))
    for page in pages:
        policy = page.headers["content-security-policy"]
        nonce = re.search(r"script-src 'nonce-([\w-]{22})'", policy)
        assert nonce
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        inline = re.findall(r"<(?:script|style)(?![^>]*src=)([^>]*)>", page.text)
        assert inline
        assert all(attributes == f' nonce="{nonce[1]}"' for attributes in inline)
        assert not re.findall(r'(?:src|href|action)="(?!/)', page.text)
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "same-origin"
        assert 'sessionStorage.removeItem("token")' in page.text
    assert len({page.headers["content-security-policy"] for page in pages}) == len(pages)


GARBAGE: tuple[Mapping[str, str], ...] = (
    {},
    {"email": "\x00", "password": "\x00"},
    {"email": "x" * 100_000, "password": "x" * 100_000},
    {"email": "ana@example.com"},
    {"token": "x", "unknown": "y"},
)


def test_garbage_is_answered_not_raised(browser: TestClient) -> None:
    for path, form in product(("/login", "/setup", "/login/link/x", "/logout"), GARBAGE):
        page = _post(browser, path, form)
        assert page.status_code in {303, 401, 410, 422}, (path, form)
        assert len(page.content) < 20_000
