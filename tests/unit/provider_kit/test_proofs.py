"""Every proof finds the fault it is there for: a good provider is spoilt in one place at a time."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import services.providers
from services.devtools.scaffold import create_provider
from services.provider_kit import registry
from services.provider_kit.contract import WebhookRequest
from services.provider_kit.proofs import CapturedPayload, Evidence, find_contradiction
from services.provider_kit.quality import RULES, Answer, Status

DONE = Answer(Status.DONE)
EXEMPT = Answer(Status.EXEMPT, "It has none of that.")

SPOILT = {
    "credentials-tested-before-saving": (
        "client.py",
        'me = client.get("/me", answer=_Me)',
        'me = _Me(id="account-1")',
        "never asks",
    ),
    "unique-external-account": ("client.py", "ExternalAccount(id=me.id", 'ExternalAccount(id="account-1"', "same id"),
    "signed-webhooks": (
        "webhooks.py",
        "_SIGNATURE.authenticate(request, secrets=secrets, now=now)",
        "del request, secrets, now",
        "without a signature",
    ),
    "real-addresses": ("manifest.py", "https://api.right.dev", "https://api.example.com", "api is a placeholder"),
    "setup-guide": ("setup.md", "**Signing secret**", "**secret**", "leaves out Signing secret"),
    "replay-refused": ("webhooks.py", 'timestamp_header="X-Timestamp", ', "", "can change it"),
    "stable-dedupe-key": (
        "webhooks.py",
        "return _envelope(request).id",
        "return str(hash(request.body))",
        "spelling",
    ),
    "retry-after-honoured": (
        "client.py",
        "check_status(response, provider=MANIFEST.slug, name=MANIFEST.name)",
        "del response.headers",
        "Retry-After",
    ),
    "disconnect-effects-told": ("manifest.py", "answers messages there.", "answers messages there", "sentences"),
    "ambiguous-sends-found": (
        "messaging.py",
        "return SentMessage(external_id=page.messages[0].id) if page.messages else None",
        'raise Refused(f"There is no sure way to tell ({page}).", code="no_sure_way", provider=MANIFEST.slug)',
        "never finds",
    ),
}


class Bench:
    """Makes providers outside the tree that the registry finds as if they were in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "services" / "providers").mkdir(parents=True)

    def make(self, slug: str, *changes: tuple[str, str, str]) -> Evidence:
        """Return a new provider's evidence, after changes to its files: (file, old, new)."""
        create_provider(slug, root=self.root)
        folder = self.root / "services" / "providers" / slug
        real = (("manifest.py", "example.com", "right.dev"), ("setup.md", "in the settings", "at <https://right.dev>"))
        for file, old, new in (*real, *changes):
            text = (folder / file).read_text()
            assert old in text, f"{file} does not hold {old}"
            (folder / file).write_text(text.replace(old, new))
        registry.forget()
        manifest = registry.get_manifest(slug)
        body = (self.root / "tests/providers" / slug / "payloads/message.created__direct.json").read_bytes()
        request = WebhookRequest(
            kind="events", url="https://patchbay.example/", headers={"content-type": "application/json"}, body=body
        )
        payload = CapturedPayload(event="message.created", request=request, has_headers=True)
        return Evidence(manifest=manifest, logo="<svg/>", payloads=[payload])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A place for providers, gone afterwards."""
    made = Bench(tmp_path)
    services.providers.__path__.append(str(tmp_path / "services" / "providers"))
    yield made
    services.providers.__path__.remove(str(tmp_path / "services" / "providers"))
    for name in [name for name in sys.modules if name.startswith("services.providers.spoilt")]:
        del sys.modules[name]
    registry.forget()


def test_a_good_provider_is_not_contradicted(bench: Bench) -> None:
    evidence = bench.make("spoilt_in_nothing")
    elsewhere = ("token-refresh", "access-revoked")
    found = {rule.id: find_contradiction(rule.id, DONE, evidence) for rule in RULES if rule.id not in elsewhere}

    assert {rule: text for rule, text in found.items() if text} == {}
    for rule in elsewhere:
        assert find_contradiction(rule, EXEMPT, evidence) == ""
        assert "does not apply" in find_contradiction(rule, DONE, evidence)


@pytest.mark.parametrize("rule", SPOILT)
def test_what_is_spoilt_is_found(bench: Bench, rule: str) -> None:
    file, old, new, said = SPOILT[rule]
    changes = [(file, old, new)]
    if rule == "replay-refused":
        # The time is no longer signed, and the id comes from a header that is not signed either.
        changes.append((file, 'template="{timestamp}.{body}"', 'template="{body}"'))
        changes.append((file, "return _envelope(request).id", 'return require_header(request, "X-Delivery")'))
        changes.append((file, "import Hmac", "import Hmac, require_header"))
    evidence = bench.make("spoilt_" + rule.replace("-", "_")[:30].rstrip("_"), *changes)

    assert said in find_contradiction(rule, DONE, evidence)


def test_a_logo_and_payloads_that_are_not_the_provider_s_are_found(bench: Bench) -> None:
    evidence = bench.make("spoilt_outside")
    drawing = (bench.root / "assets/providers/spoilt_outside.svg").read_text()
    written = [replace(payload, has_headers=False) for payload in evidence.payloads]

    assert "placeholder" in find_contradiction("own-logo", DONE, replace(evidence, logo=drawing))
    assert "missing" in find_contradiction("own-logo", DONE, replace(evidence, logo=""))
    assert "not captured" in find_contradiction("captured-payloads", DONE, replace(evidence, payloads=written))
    assert "no payload" in find_contradiction("captured-payloads", DONE, replace(evidence, payloads=[]))
    assert "no payload" in find_contradiction("stable-dedupe-key", DONE, replace(evidence, payloads=[]))


@pytest.mark.parametrize("rule", ["signed-webhooks", "ambiguous-sends-found", "own-logo"])
def test_nobody_is_exempt_from_what_applies(bench: Bench, rule: str) -> None:
    assert "applies here" in find_contradiction(rule, EXEMPT, bench.make("spoilt_by_excuses"))
