"""Svix's signatures, held against the example in its documentation."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.kernel.errors import Unauthenticated
from services.kernel.secret import Secret
from services.provider_kit.contract import WebhookRequest
from services.provider_kit.signatures import Svix

# https://docs.svix.com/receiving/verifying-payloads/how-manual
SECRETS = {"signing_secret": Secret("whsec_plJ3nmyCDGBKInavdOK15jsl")}
NOW = datetime.fromtimestamp(1_731_705_121, UTC)
REQUEST = WebhookRequest(
    kind="events",
    url="https://patchbay.example/x",
    headers={
        "svix-id": "msg_loFOjxBNrRLzqYUf",
        "svix-timestamp": "1731705121",
        "svix-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    },
    body=b'{"event_type":"ping","data":{"success":true}}',
)


def test_the_documented_example_is_accepted() -> None:
    Svix().authenticate(REQUEST, secrets=SECRETS, now=NOW)
    assert Svix().message_id(REQUEST) == "msg_loFOjxBNrRLzqYUf"


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("svix-id", "msg_another", "bad_signature"),
        ("svix-id", "", "missing_signature"),
        ("svix-timestamp", "1731705122", "bad_signature"),
        ("svix-timestamp", "1731704820", "stale"),
        ("svix-timestamp", "soon", "bad_signature"),
        ("svix-signature", "v2,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=", "bad_signature"),
        ("svix-signature", "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD1=", "bad_signature"),
        ("svix-signature", "rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=", "bad_signature"),
        ("svix-signature", "v1, " * 100, "bad_signature"),
    ],
)
def test_every_part_of_it_counts(header: str, value: str, code: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        Svix().authenticate(replace(REQUEST, headers={**REQUEST.headers, header: value}), secrets=SECRETS, now=NOW)
    assert caught.value.code == code
