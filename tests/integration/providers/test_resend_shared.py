"""One address for all tenants' e-mail: the signature and the domain say whose an event is."""

from collections.abc import Generator
from pathlib import Path

import pytest

from services.kernel.settings import Settings
from tests.integration.email.mail_shop import ANSWER, QUESTION, open_mail_shop
from tests.support.line import Line, running_line

SHARED = "/api/ai-agents/webhooks/resend"


@pytest.fixture
def line(settings: Settings, tmp_path: Path) -> Generator[Line]:
    """The whole line."""
    with running_line(settings, tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("path", [SHARED, f"{SHARED}/events"])
def test_a_letter_to_two_tenants_is_each_one_s_own(line: Line, path: str) -> None:
    shops = [open_mail_shop(line, "Northwind"), open_mail_shop(line, "Harbor", is_second=True)]
    identities = line.sandbox.identities
    for identity in (identities.resend, identities.other_resend):
        line.sandbox.mail.set_webhook_url(line.address + path, account=identity.account_id)

    written = line.sandbox.mail.write(to=[shop.address for shop in shops], text=QUESTION)
    line.settle(*written.event_ids)

    assert len(written.event_ids) == 2
    answers = line.sandbox.mail.wait_for_mails(2)
    assert {item.text.strip() for item in answers} == {ANSWER}
    assert sorted(item.sender.rpartition("<")[2].rstrip(">") for item in answers) == sorted(
        shop.address for shop in shops
    )
    for shop in shops:
        (conversation,) = shop.conversations()
        assert [message.direction for message in shop.messages(conversation.id)] == ["inbound", "outbound"]


def test_an_event_for_nobody_here_is_refused(line: Line) -> None:
    shop = open_mail_shop(line, "Northwind")
    other = line.sandbox.identities.other_resend
    line.sandbox.mail.set_webhook_url(line.address + SHARED, account=other.account_id)

    written = line.sandbox.mail.write(to=[f"bri@{other.domain}", shop.address], text=QUESTION)
    webhooks = line.sandbox.wait_for_webhooks(*written.event_ids)

    first_answers = sorted(webhook.statuses[0] or 0 for webhook in webhooks)
    assert first_answers == [200, 401], "the other account's is refused although the letter is for our tenant as well"
    line.work()
    assert len(shop.conversations()) == 1
