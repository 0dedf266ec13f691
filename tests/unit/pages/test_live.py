"""Who is told of a change: the tenant's tabs on this process, and nobody else."""

from uuid import UUID

import pytest

from app.live import LiveNotice, parse_notice
from app.session.tabs import Tab, Tabs

ACME, BETA = UUID(int=1), UUID(int=2)
ROW = UUID(int=3)


def test_notice_is_read_from_the_tenants_channel() -> None:
    body = f'{{"topic": "conversation", "id": "{ROW}"}}'
    assert parse_notice(f"patchbay:live:{ACME}", body) == LiveNotice(ACME, "conversation", str(ROW))


@pytest.mark.parametrize(
    ("channel", "body"),
    [
        ("patchbay:live:nobody", '{"topic": "a", "id": "b"}'),
        (f"patchbay:live:{ACME}", "not json"),
        (f"patchbay:live:{ACME}", "[]"),
        (f"patchbay:live:{ACME}", '{"topic": "conversation", "id": "<script>"}'),
        (f"patchbay:live:{ACME}", '{"topic": "conversation"}'),
    ],
)
def test_anything_else_is_no_notice(channel: str, body: str) -> None:
    assert parse_notice(channel, body) is None


def test_tab_belongs_to_one_tenant_at_a_time() -> None:
    tabs = Tabs()
    tabs.join(ACME, token="t", route="/a")
    tabs.join(BETA, token="t", route="/b")
    assert (tabs.of(ACME), tabs.of(BETA)) == ((), (Tab("t", "/b"),))


def test_tabs_that_are_gone_are_forgotten() -> None:
    tabs = Tabs()
    tabs.join(ACME, token="open", route="/a")
    tabs.join(ACME, token="closed", route="/a")
    tabs.keep_only(["open"])
    assert tabs.of(ACME) == (Tab("open", "/a"),)
