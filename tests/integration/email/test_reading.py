"""Letters and files as pages and the API get them."""

from collections.abc import Generator
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import Role
from services.email import get_letter, open_attachment
from services.kernel.errors import Forbidden, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.provider_kit.contract import IncomingFile
from services.tenants import PERMISSIONS, Permission, create_api_key
from tests.integration.agents.conftest import actor_of
from tests.integration.email.post import ANA, Filed, Post

HTML = '<p onclick="x()">Are you <b>open</b>?</p><script>alert(1)</script><img src="https://evil.example/pixel.png">'
FILES = (
    IncomingFile(name="photo.png", content_type="image/png", size_bytes=3, content=b"png"),
    IncomingFile(name="../../etc/pass\r\nwd.html", content_type="Text/HTML", size_bytes=8, content=b"<script>"),
    IncomingFile(name="huge.zip", content_type="application/zip", size_bytes=99_000_000, left_out="larger than 10 MB"),
    IncomingFile(name="..\\.. ", content_type="image/svg+xml\r\nX: 1", size_bytes=0, content=b""),
)


@pytest.fixture
def filed(post: Post) -> Filed:
    """A letter with everything."""
    text = "Are you open?\n\n-- \nAna"
    return post.receive(post.letter("1@c", name="Ana", cc=["ben@contact.example"], html=HTML, text=text, files=FILES))


@pytest.fixture
def api(kernel: Kernel, post: Post) -> Generator[TestClient]:
    """The API with the owner's key."""
    key = create_api_key(kernel, actor=post.actor, name="Test", role=Role.OWNER).key.reveal()
    headers = {"Authorization": f"Bearer {key}"}
    with TestClient(
        create_http_app(kernel), base_url=f"{kernel.settings.public_url}/api/v1", headers=headers
    ) as client:
        yield client


def test_a_letter_is_shown_safely_and_whole(kernel: Kernel, post: Post, filed: Filed) -> None:
    view = get_letter(kernel, actor=post.actor, message_id=filed.message_id)
    assert (view.subject, view.from_address, view.from_name, view.direction) == ("Hours", ANA, "Ana", "inbound")
    assert (view.to, view.cc) == (("bri@northwind.example",), ("ben@contact.example",))
    assert (view.text, view.quoted, view.original_text) == (
        "Are you open?",
        "-- \nAna",
        "Are you open?\n\n-- \nAna",
    )
    assert "<b>open</b>" in view.document and view.blocked_images == 1
    assert not any(mark in view.document for mark in ("onclick", "alert", "evil.example"))
    shown = get_letter(kernel, actor=post.actor, message_id=filed.message_id, show_images=True)
    assert "https://evil.example/pixel.png" in shown.document and shown.blocked_images == 0


def test_our_own_letter_is_shown_too(kernel: Kernel, post: Post, filed: Filed) -> None:
    sent = post.answer(filed, "Yes, until five.")
    view = get_letter(kernel, actor=post.actor, message_id=UUID(sent.internet_message_id.partition("@")[0]))
    assert (view.direction, view.subject, view.to, view.document) == ("outbound", "Re: Hours", (ANA,), "")
    assert view.thread_reason == "Answers the letter from Ana"


def test_files_are_named_and_typed_harmlessly(kernel: Kernel, post: Post, filed: Filed) -> None:
    photo, page, huge, odd = get_letter(kernel, actor=post.actor, message_id=filed.message_id).attachments
    assert [item.name for item in (photo, page, huge, odd)] == ["photo.png", "pass wd.html", "huge.zip", "unnamed"]
    assert huge.left_out == "larger than 10 MB"
    opened = open_attachment(kernel, actor=post.actor, attachment_id=photo.id)
    assert (opened.name, opened.content_type, opened.content) == ("photo.png", "image/png", b"png")
    for active in (page, odd):
        opened = open_attachment(kernel, actor=post.actor, attachment_id=active.id)
        assert opened.content_type == "application/octet-stream"
    with pytest.raises(NotFound, match="larger than 10 MB"):
        open_attachment(kernel, actor=post.actor, attachment_id=huge.id)


def test_other_tenants_letters_do_not_exist(kernel: Kernel, post: Post, other_post: Post, filed: Filed) -> None:
    [photo, *_] = get_letter(kernel, actor=post.actor, message_id=filed.message_id).attachments
    for message_id in (filed.message_id, new_id()):
        with pytest.raises(NotFound):
            get_letter(kernel, actor=other_post.actor, message_id=message_id)
    with pytest.raises(NotFound):
        open_attachment(kernel, actor=other_post.actor, attachment_id=photo.id)
    for role in Role:
        if Permission.CONVERSATIONS_VIEW not in PERMISSIONS[role]:
            with pytest.raises(Forbidden):
                get_letter(kernel, actor=actor_of(post.actor.tenant_id, role), message_id=filed.message_id)


def test_a_file_is_downloaded_and_never_shown(api: TestClient, post: Post, filed: Filed) -> None:
    letter = api.get(f"/messages/{filed.message_id}/letter").json()
    assert (letter["subject"], letter["blocked_images"]) == ("Hours", 1)
    page = api.get(f"/attachments/{letter['attachments'][1]['id']}")
    assert (page.status_code, page.content) == (200, b"<script>")
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"] == "attachment; filename*=UTF-8''pass%20wd.html"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in page.headers["content-security-policy"]
    assert api.get(f"/attachments/{letter['attachments'][2]['id']}").json()["code"] == "attachment_left_out"


def test_senders_over_rest(api: TestClient, post: Post) -> None:
    base = f"/connections/{post.connection_id}/email-senders"
    made = api.post(base, json={"agent_id": str(post.agent.id), "address": "max@northwind.example"})
    assert (made.status_code, made.json()["display_name"], made.json()["can_send"]) == (201, "Bri", True)
    refused = api.post(base, json={"agent_id": str(post.agent.id), "address": "max@elsewhere.example"})
    assert (refused.status_code, refused.json()["field"]) == (422, "address")
    assert api.post(base, json={"agent_id": str(post.agent.id), "address": "max@northwind.example"}).status_code == 409
    changed = api.put(f"{base}/{made.json()['id']}", json={"address": "max@northwind.example", "display_name": "Max"})
    assert changed.json()["display_name"] == "Max"
    assert [item["address"] for item in api.get(base).json()["items"]] == [
        "bri@northwind.example",
        "max@northwind.example",
    ]
    assert api.delete(f"{base}/{made.json()['id']}").status_code == 204
    assert len(api.get(base).json()["items"]) == 1
    [domain] = api.get(f"/connections/{post.connection_id}/email-domains").json()["items"]
    assert (domain["name"], domain["can_send"]) == ("northwind.example", True)
