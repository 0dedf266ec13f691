"""Another Resend than ours agrees: it accepts our letters, answers a repeated key alike, and refuses another body."""

from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from services.kernel.errors import Refused
from services.kernel.http import OutboundClient
from services.kernel.secret import Secret
from services.provider_kit import registry
from services.provider_kit.contract import ActionContext, OutboundMessage, OutgoingEmail, ProviderContext
from services.providers.resend import domains, messaging
from services.providers.resend.actions import ACTIONS, SendEmail
from services.providers.resend.client import ResendClient, build_client, verify_credentials
from tests.peers.emulate import running_services

DOMAIN = "northwind.example"
KEY = "re_peer_0123456789"
MESSAGE_ID = "0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c11"
LETTER = OutgoingEmail(
    internet_message_id=f"{MESSAGE_ID}@{DOMAIN}",
    in_reply_to="first@harbor.example",
    references=("first@harbor.example",),
    subject="Re: Opening hours",
    from_address=f"bri@{DOMAIN}",
    from_name="Bri, Northwind",
    to=("mia@harbor.example",),
    cc=("jonas@harbor.example",),
    headers={"X-Agent-ID": "7f2c"},
)
MESSAGE = OutboundMessage(
    id=MESSAGE_ID,
    channel_id=f"bri@{DOMAIN}",
    recipient="mia@harbor.example",
    text="We open at **nine**.",
    attempted_at=datetime.now(UTC),
    email=LETTER,
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Where the peer's Resend listens."""
    folder: Path = tmp_path_factory.mktemp("emulate")
    seed = {"resend": {"domains": [{"name": DOMAIN, "region": "eu-west-1"}]}}
    with running_services(folder, seed, services=("resend",)) as found:
        yield found["resend"]


@pytest.fixture
def client(address: str) -> ResendClient:
    """A client of ours for the peer."""
    return build_client(
        ProviderContext(
            http=OutboundClient(allow_loopback=True),
            urls={"api": address},
            secrets={"api_key": Secret(KEY)},
            settings={"domain": DOMAIN},
            public_url="https://patchbay.example",
        )
    )


def sent_count(address: str) -> int:
    """Return how many letters the peer has accepted."""
    response = httpx2.get(f"{address}/emails", headers={"authorization": f"Bearer {KEY}"}, trust_env=False)
    return len(response.raise_for_status().json()["data"])


def test_the_account_and_its_records_are_read(client: ResendClient) -> None:
    account = verify_credentials(client)
    (domain,) = domains.list_domains(client)

    assert (account.id, domain.id) == (DOMAIN, account.details["domain_id"])
    assert domain.records
    domains.check_domain(client, domain.id)


def test_a_letter_is_accepted_once_however_often_it_is_repeated(client: ResendClient, address: str) -> None:
    before = sent_count(address)
    sent = messaging.send_message(client, MESSAGE)
    again = messaging.send_message(client, MESSAGE)
    found = messaging.find_sent(client, MESSAGE)

    assert found is not None
    assert sent.external_id == again.external_id == found.external_id
    assert sent_count(address) == before + 1


def test_another_body_under_the_same_key_is_refused(client: ResendClient, address: str) -> None:
    messaging.send_message(client, replace(MESSAGE, id="first-of-two"))
    before = sent_count(address)
    with pytest.raises(Refused) as caught:
        messaging.send_message(client, replace(MESSAGE, id="first-of-two", text="We open at ten."))

    assert caught.value.status == 409 and caught.value.code == "invalid_idempotent_request"
    assert sent_count(address) == before


def test_an_action_is_accepted_once(client: ResendClient, address: str) -> None:
    (action,) = ACTIONS
    assert registry.list_actions("resend") == ACTIONS and action.find
    letter = SendEmail(to="mia@harbor.example", subject="Your invoice", body="It is paid.")
    now = datetime.now(UTC)
    context = ActionContext(
        run_id="run-1", agent_id="a", agent_name="Bri", now=now, time_zone="Europe/Berlin", senders=(f"bri@{DOMAIN}",)
    )
    before = sent_count(address)

    first = action.run(client, letter, context)
    assert action.find(client, letter, replace(context, attempted_at=now)) == first
    assert sent_count(address) == before + 1


def test_a_letter_without_a_subject_s_worth_is_refused_in_words(client: ResendClient) -> None:
    with pytest.raises(Refused) as caught:
        messaging.send_message(client, replace(MESSAGE, id="empty", email=replace(LETTER, subject="")))
    assert caught.value.status == 422 and caught.value.message.startswith("Resend refused the request")
