"""The handlers of the analytics page and of the company's limit, through the guard, as a browser calls them."""

import re
from base64 import b64decode
from datetime import timedelta

import pytest
from sqlmodel import select

from app.session.kernel import set_kernel
from models import Membership, Role
from services.kernel.kernel import Kernel
from services.tenants import Actor, bootstrap, session_cookie_name, sign_in_with_link
from tests.integration.analytics.history import Written, begin
from tests.integration.isolation.test_pages import Tab, Wire, pipeline

ANALYTICS = "reflex___state____state.app___pages___analytics___state____analytics_state."
LIMIT = "reflex___state____state.app___pages___tenant___limit_state____company_limit_state."
FORMULA = '=HYPERLINK("https://evil.example")'


@pytest.fixture
def kernel(kernel: Kernel) -> Kernel:
    """The pages work with the test's own database."""
    set_kernel(kernel)
    return kernel


def person(kernel: Kernel, role: Role) -> tuple[Actor, str]:
    """Return somebody of a new company with two messages, and their cookie."""
    result = bootstrap(kernel, email=f"{role.value}@acme.test", tenant=f"Acme {role.value}")
    now = kernel.clock.now()
    history = begin(kernel, result.tenant_id, agents=(FORMULA,), now=now)
    history.add([Written(at=now), Written(at=now - timedelta(days=3), handed_over=True)])
    with kernel.unit_of_work(result.tenant_id) as work:
        work.session.exec(select(Membership).where(Membership.tenant_id == result.tenant_id)).one().role = role
    signed_in = sign_in_with_link(kernel, result.sign_in_link.rstrip("/").rsplit("/", 1)[1])
    return signed_in.actor, f"{session_cookie_name(kernel.settings)}={signed_in.session_token.reveal()}"


async def said(cookie: str, *events: tuple[str, dict[str, object]], **query: str) -> str:
    """Return all that a tab is told."""
    async with pipeline() as (processor, wire):
        tab = Tab(processor, cookie, "/admin/analytics", query, {})
        for name, payload in events:
            await tab.send(name, payload)
        return _words(tab, wire)


def _words(tab: Tab, wire: Wire) -> str:
    return "\n".join((*tab.frames, *wire.sent))


@pytest.mark.parametrize("role", Role)
async def test_every_role_sees_the_numbers(kernel: Kernel, role: Role) -> None:
    _, cookie = person(kernel, role)
    words = await said(cookie, (f"{ANALYTICS}load", {}))
    assert "1 of 2" in words and "Hand-over rate" in words and "ready" in words


async def test_address_decides_what_is_counted(kernel: Kernel) -> None:
    _, cookie = person(kernel, Role.OWNER)
    words = await said(cookie, (f"{ANALYTICS}load", {}), span="24h")
    assert "0 of 1" in words and "1 of 2" not in words
    assert "There is no such agent." in await said(
        cookie, (f"{ANALYTICS}load", {}), agent="0195f000-0000-7000-8000-000000000001"
    )


async def test_agent_is_chosen_by_the_address(kernel: Kernel) -> None:
    _, cookie = person(kernel, Role.VIEWER)
    words = await said(cookie, (f"{ANALYTICS}load", {}), (f"{ANALYTICS}choose_agent", {"agent_id": "x"}), span="30d")
    assert "/admin/analytics?span=30d&agent=x" in words


async def test_file_holds_no_formula(kernel: Kernel) -> None:
    _, cookie = person(kernel, Role.VIEWER)
    words = await said(cookie, (f"{ANALYTICS}download", {"table": "agents"}))
    assert "analytics-agents-7d.csv" in words
    [content] = re.findall('base64,([^"\\\\]+)', words)
    assert f'"\'{FORMULA.replace(chr(34), chr(34) * 2)}",2,2' in b64decode(content).decode()
    assert "csv" not in await said(cookie, (f"{ANALYTICS}download", {"table": "secrets"}))


async def test_limit_is_seen_by_all_and_set_by_those_who_may(kernel: Kernel) -> None:
    _, viewer = person(kernel, Role.VIEWER)
    form: dict[str, object] = {"per_minute": "", "per_hour": "", "per_day": "7", "excess": "drop"}
    words = await said(viewer, (f"{LIMIT}load", {}), (f"{LIMIT}save", {"form": form}))
    assert "0 of 50,000 used" in words and "may not do this" in words
    _, admin = person(kernel, Role.ADMIN)
    words = await said(admin, (f"{LIMIT}save", {"form": form}), (f"{LIMIT}load", {}), (f"{LIMIT}refresh", {}))
    assert "0 of 7 used, 7 left" in words and "0 used, no limit" in words
    words = await said(admin, (f"{LIMIT}save", {"form": {**form, "per_day": "0"}}))
    assert "Enter a number from 1" in words
    assert "0 of 50,000 used" in await said(admin, (f"{LIMIT}use_default", {}))
