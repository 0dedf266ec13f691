"""Limits as people and scripts see and set them."""

from datetime import timedelta

import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import AuditEntry, Role
from services.agents import AgentForm, AgentView, create_agent
from services.kernel.errors import Forbidden, InvalidInput, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.limits import LimitDraft, get_agent_limits, get_company_limit, set_agent_limits, set_company_limit
from services.tenants import Actor, bootstrap, create_api_key
from tests.integration.agents.conftest import actor_of


@pytest.fixture
def owner(kernel: Kernel) -> Actor:
    return actor_of(bootstrap(kernel, email="ana@example.com", tenant="Northwind").tenant_id)


@pytest.fixture
def bri(kernel: Kernel, owner: Actor) -> AgentView:
    return create_agent(kernel, actor=owner, form=AgentForm(name="Bri"))


def test_without_a_choice_the_defaults_hold_and_nothing_is_used(kernel: Kernel, owner: Actor, bri: AgentView) -> None:
    view = get_agent_limits(kernel, actor=owner, agent_id=bri.id)
    assert [limit.group for limit in view.limits] == ["slack", "email", "sms", "chat", "actions"]
    for limit in (*view.limits, view.company):
        assert (limit.is_default, limit.excess) == (True, "wait")
        for window, length in zip(limit.windows, (60, 3600, 86400), strict=True):
            assert window.most and window.left == window.most and window.used == 0
            assert window.resets_at.timestamp() % length == 0
        minute, hour, day = (window.resets_at for window in limit.windows)
        assert minute <= hour <= day < minute + timedelta(days=1)


def test_what_is_set_holds_and_what_is_left_out_is_the_default_again(
    kernel: Kernel, owner: Actor, bri: AgentView
) -> None:
    drafts = [LimitDraft(group="sms", per_hour=60, excess="drop"), LimitDraft(group="email")]
    view = set_agent_limits(kernel, actor=owner, agent_id=bri.id, drafts=drafts)
    by_group = {limit.group: limit for limit in view.limits}
    assert [window.most for window in by_group["sms"].windows] == [None, 60, None]
    assert [window.left for window in by_group["email"].windows] == [None, None, None]
    assert (by_group["sms"].excess, by_group["sms"].is_default, by_group["chat"].is_default) == ("drop", False, True)
    again = set_agent_limits(kernel, actor=owner, agent_id=bri.id, drafts=drafts[1:])
    assert {limit.group for limit in again.limits if not limit.is_default} == {"email"}


def test_a_change_is_written_down_once(kernel: Kernel, owner: Actor, bri: AgentView) -> None:
    for _ in range(2):
        set_agent_limits(kernel, actor=owner, agent_id=bri.id, drafts=[LimitDraft(group="sms", per_hour=60)])
        set_company_limit(kernel, actor=owner, draft=LimitDraft(group="all", per_day=1_000))
    with kernel.unit_of_work(owner.tenant_id) as work:
        said = work.session.exec(select(AuditEntry.action).where(col(AuditEntry.tenant_id) == owner.tenant_id)).all()
    assert (said.count("agent.limits_set"), said.count("tenant.limits_set")) == (1, 1)
    assert not get_company_limit(kernel, actor=owner).is_default
    assert set_company_limit(kernel, actor=owner, draft=None).is_default


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (LimitDraft(group="sms", per_hour=0), "sms.per_hour"),
        (LimitDraft(group="slack", per_minute=-5), "slack.per_minute"),
        (LimitDraft(group="email", per_day=1_000_001), "email.per_day"),
        (LimitDraft(group="sms", excess="explode"), "sms.excess"),
        (LimitDraft(group="fax"), "fax.group"),
        (LimitDraft(group="all"), "all.group"),
    ],
)
def test_what_is_wrong_is_named_by_field(
    kernel: Kernel, owner: Actor, bri: AgentView, draft: LimitDraft, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        set_agent_limits(kernel, actor=owner, agent_id=bri.id, drafts=[draft])
    assert caught.value.field == field
    assert all(limit.is_default for limit in get_agent_limits(kernel, actor=owner, agent_id=bri.id).limits)


def test_a_group_is_named_once(kernel: Kernel, owner: Actor, bri: AgentView) -> None:
    with pytest.raises(InvalidInput):
        set_agent_limits(kernel, actor=owner, agent_id=bri.id, drafts=[LimitDraft(group="sms")] * 2)


def test_others_agents_have_no_limits_here_and_viewers_change_none(
    kernel: Kernel, owner: Actor, bri: AgentView
) -> None:
    other = actor_of(bootstrap(kernel, email="ben@example.net", tenant="Southwind").tenant_id)
    for agent_id in (bri.id, new_id()):
        with pytest.raises(NotFound):
            get_agent_limits(kernel, actor=other, agent_id=agent_id)
        with pytest.raises(NotFound):
            set_agent_limits(kernel, actor=other, agent_id=agent_id, drafts=[])
    set_company_limit(kernel, actor=other, draft=LimitDraft(group="all", per_day=1))
    assert get_company_limit(kernel, actor=owner).is_default
    viewer = Actor(tenant_id=owner.tenant_id, kind="user", id=None, label="Vi", role=Role.VIEWER)
    with pytest.raises(Forbidden):
        set_agent_limits(kernel, actor=viewer, agent_id=bri.id, drafts=[])
    with pytest.raises(Forbidden):
        set_company_limit(kernel, actor=viewer, draft=None)


def test_rest_shows_and_sets_them(kernel: Kernel, owner: Actor, bri: AgentView) -> None:
    key = create_api_key(kernel, actor=owner, name="Test", role=Role.OWNER).key.reveal()
    path = f"/agents/{bri.id}/limits"
    with TestClient(create_http_app(kernel), base_url=f"{kernel.settings.public_url}/api/v1") as api:
        api.headers["Authorization"] = f"Bearer {key}"
        sent = {"limits": [{"group": "sms", "per_hour": 60, "excess": "hand_over"}]}
        assert api.put(path, json=sent).status_code == 200
        answer = api.get(path).json()
        [sms] = [limit for limit in answer["limits"] if limit["group"] == "sms"]
        assert (sms["excess"], sms["windows"][1]["most"], sms["windows"][1]["left"]) == ("hand_over", 60, 60)
        wrong = api.put(path, json={"limits": [{"group": "sms", "per_hour": 0}]})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "sms.per_hour")
        assert api.put("/limits", json={"limit": {"per_day": 100}}).json()["windows"][2]["most"] == 100
        assert api.get("/limits").json()["is_default"] is False
        assert api.put("/limits", json={"limit": None}).json()["is_default"] is True
