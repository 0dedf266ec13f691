"""What ends at Resend after a while: idempotency keys and download links."""

from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import cast

import httpx2
import pytest
import resend
from resend.exceptions import ResendError

from tests.integration.sandbox.conftest import Product
from tests.support.clock import FakeClock
from tests.support.sandbox import SandboxClient, running_sandbox
from tests.support.sandbox_mail import MIA, Letter


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def timed(
    tmp_path: Path, product: Product, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Generator[SandboxClient]:
    with running_sandbox(tmp_path, public_url=product.url, clock=clock) as sandbox:
        monkeypatch.setattr(resend, "api_url", f"{sandbox.base_url}/resend")
        monkeypatch.setattr(resend, "api_key", sandbox.identities.resend.api_key)
        yield sandbox


def send(text: str) -> str:
    params = {"from": "nora@northwind.example", "to": MIA, "subject": "Payout", "text": text}
    return resend.Emails.send(cast(resend.Emails.SendParams, params), {"idempotency_key": "turn-1"})["id"]


def test_an_idempotency_key_is_kept_for_a_day(timed: SandboxClient, clock: FakeClock) -> None:
    first = send("Friday.")
    clock.advance(timedelta(hours=23))
    assert send("Friday.") == first
    with pytest.raises(ResendError):
        send("Thursday.")
    clock.advance(timedelta(hours=2))
    assert send("Thursday.") != first


def test_a_download_link_holds_for_an_hour(timed: SandboxClient, clock: FakeClock) -> None:
    timed.mail.write(to="nora@northwind.example", text="x", letter=Letter(attachments=[{"filename": "a.txt"}]))
    [mail] = resend.Emails.Receiving.list()["data"]
    [file] = resend.Emails.Receiving.Attachments.list(mail["id"])["data"]
    clock.advance(timedelta(minutes=59))
    assert httpx2.get(file["download_url"]).text == "This is a.txt.\n"
    clock.advance(timedelta(minutes=2))
    assert httpx2.get(file["download_url"]).status_code == 403
