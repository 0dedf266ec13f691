"""Proofs: what a provider's code says against its answers in ``quality.toml``.

A proof can contradict an answer; it cannot replace the conformance suite, which plays the provider. Each proof names
what is wrong and how it is mended.
"""

import ast
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from services.kernel.errors import PatchbayError, Unauthenticated
from services.kernel.secret import Secret
from services.provider_kit import registry
from services.provider_kit.contract import CalendarChanged, Capability, Ignored, ProviderManifest, WebhookRequest
from services.provider_kit.quality import Answer, Status
from services.provider_kit.signatures import Hmac, StaticToken

SETUP_HEADINGS = ("## What you need", "## Check", "## When it does not work")
PLACEHOLDER = "data-placeholder"
"""Attribute of the drawing that a new provider starts with."""

_NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedPayload:
    """A request body kept for tests."""

    event: str
    request: WebhookRequest
    has_headers: bool
    """Its headers were kept with it, as those of a real request are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What there is to judge a provider by."""

    manifest: ProviderManifest
    logo: str
    """The drawing's text; empty if there is none."""
    payloads: Sequence[CapturedPayload]

    @property
    def slug(self) -> str:
        """The provider's slug."""
        return self.manifest.slug


def find_contradiction(rule: str, answer: Answer, evidence: Evidence) -> str:
    """Return what speaks against an answer; empty if nothing does.

    A rule is ``exempt`` only where it cannot apply, and ``done`` only where it does.
    """
    applies, contradict = PROOFS[rule]
    if answer.status is Status.EXEMPT and applies(evidence):
        return "It applies here: say done, or what is missing."
    if answer.status is Status.DONE:
        return contradict(evidence) if applies(evidence) else "It does not apply here: say why, as exempt."
    return ""


def _always(_evidence: Evidence) -> bool:
    return True


def _has(capability: Capability) -> Callable[[Evidence], bool]:
    return lambda evidence: capability in evidence.manifest.capabilities


def _expires(evidence: Evidence) -> bool:
    return evidence.manifest.oauth is not None and evidence.manifest.oauth.refresh


def _tests_credentials(evidence: Evidence) -> str:
    verify = _function(registry.client(evidence.slug).verify_credentials)
    if "client" not in set(_names(verify)):
        return "client.verify_credentials() never asks the provider."
    return ""


def _names_the_account(evidence: Evidence) -> str:
    return _constant_account(registry.client(evidence.slug), "client.py")


def _names_the_same_account(evidence: Evidence) -> str:
    if not evidence.manifest.oauth:
        return ""
    module = registry.oauth(evidence.slug)
    if any(_called(call) == "ExternalAccount" for call in _calls(_tree(module))):
        return _constant_account(module, "oauth.py")
    # The token answer does not say whose it is: the credential's own proof does.
    return _names_the_account(evidence)


def _constant_account(module: object, file: str) -> str:
    made = [call for call in _calls(_tree(module)) if _called(call) == "ExternalAccount"]
    ids = [keyword.value for call in made for keyword in call.keywords if keyword.arg == "id"]
    if not ids:
        return f"{file} never builds an ExternalAccount with an id."
    if any(isinstance(value, ast.Constant) for value in ids):
        return f"{file} gives every account the same id; take it from the provider's answer."
    return ""


def _refuses_unsigned(evidence: Evidence) -> str:
    module = registry.webhooks(evidence.slug)
    attempts: tuple[tuple[Mapping[str, Secret], str], ...] = ((_AnySecret(), "a signature"), ({}, "a stored secret"))
    for kind in evidence.manifest.webhooks:
        request = _bare_request(evidence, kind.name, kind.content_types[0])
        for secrets, missing in attempts:
            try:
                module.authenticate(request, secrets=secrets, now=_NOW)
            except Unauthenticated:
                continue
            return f"authenticate() accepts a request of kind “{kind.name}” without {missing}."
    return ""


def _bare_request(evidence: Evidence, kind: str, content_type: str) -> WebhookRequest:
    url = f"https://patchbay.example/api/ai-agents/webhooks/{evidence.slug}/token/{kind}"
    body = b"{}" if content_type == "application/json" else b""
    return WebhookRequest(kind=kind, url=url, headers={"content-type": content_type}, body=body)


def _has_real_addresses(evidence: Evidence) -> str:
    manifest = evidence.manifest
    addresses = {"docs_url": manifest.docs_url, **{name: url.default for name, url in manifest.urls.items()}}
    wrong = [name for name, address in addresses.items() if "//example." in address or ".example" in address]
    return f"The manifest's {wrong[0]} is a placeholder." if wrong else ""


def _has_complete_guide(evidence: Evidence) -> str:
    manifest, text = evidence.manifest, registry.read_setup(evidence.slug)
    if not text.startswith(f"# Connect {manifest.name}\n"):
        return f"setup.md must begin with “# Connect {manifest.name}”."
    needed = [
        *SETUP_HEADINGS,
        *(field.label for field in manifest.fields()),
        *(f"`{scope.name}`" for scope in manifest.scopes),
    ]
    if left_out := [part for part in needed if part not in text]:
        return f"setup.md leaves out {left_out[0]}."
    return "" if "<https://" in text or "](https://" in text else "setup.md must link to the page where it begins."


def _has_own_logo(evidence: Evidence) -> str:
    if not evidence.logo:
        return f"assets/providers/{evidence.slug}.svg is missing."
    return "The logo is still the placeholder." if PLACEHOLDER in evidence.logo else ""


def _refuses_copies(evidence: Evidence) -> str:
    if _checks_time(evidence):
        return ""
    module = registry.webhooks(evidence.slug)
    for payload in evidence.payloads:
        if all(isinstance(event, CalendarChanged | Ignored) for event in module.parse(payload.request, settings={})):
            continue  # it brings nothing: a copy leads to one more look at the provider, and to nothing else
        try:
            module.dedupe_key(replace(payload.request, headers={}))
        except PatchbayError:
            return (
                f"No time is signed, and the dedupe key of “{payload.event}” is read from a header: whoever copies a"
                " request can change it."
            )
    return ""


def _checks_time(evidence: Evidence) -> bool:
    module = registry.webhooks(evidence.slug)
    schemes = [value for value in vars(module).values() if isinstance(value, Hmac | StaticToken)]
    if schemes:
        return all(isinstance(scheme, Hmac) and scheme.timestamp_header for scheme in schemes)
    return "now" in set(_names(_function(module.authenticate)))


def _recognises_repetitions(evidence: Evidence) -> str:
    module = registry.webhooks(evidence.slug)
    if not evidence.payloads:
        return "There is no payload to prove it on."
    for payload in evidence.payloads:
        key = module.dedupe_key(payload.request)
        if key != module.dedupe_key(replace(payload.request, body=_respelled(payload.request))):
            return f"The dedupe key of “{payload.event}” changes with the body's spelling; use the provider's own id."
    return ""


def _respelled(request: WebhookRequest) -> bytes:
    """Return a body that says the same with other bytes: other spaces, other order, one more field."""
    if not request.body:
        return b"x-unknown=1"
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        fields = parse_qsl(request.body.decode(), keep_blank_values=True)
        return urlencode([*reversed(fields), ("x-unknown", "1")]).encode()
    values: dict[str, object] = json.loads(request.body)
    return json.dumps({**dict(reversed(values.items())), "x-unknown": 1}, indent=1).encode()


def _keeps_waiting_times(evidence: Evidence) -> str:
    for tree in _folder(evidence):
        for call in _calls(tree):
            waits = any(keyword.arg == "after" for keyword in call.keywords)
            if _called(call) in ("check_status", "retry_after") or (_called(call) == "RetryLater" and waits):
                return ""
    return "Nothing reads Retry-After; use check_status or retry_after of services.provider_kit.responses."


def _renews(evidence: Evidence) -> str:
    module = registry.oauth(evidence.slug)
    return "" if hasattr(module, "read_refresh") else "oauth.py lacks read_refresh()."


def _was_granted(evidence: Evidence) -> bool:
    return evidence.manifest.oauth is not None or Capability.REVOKE in evidence.manifest.capabilities


def _revokes(evidence: Evidence) -> str:
    return "" if Capability.REVOKE in evidence.manifest.capabilities else "There is no revoke.py."


def _tells_the_end(evidence: Evidence) -> str:
    effects = evidence.manifest.disconnect_effects
    if not effects or not all(effect.endswith(".") for effect in effects):
        return "The manifest's disconnect_effects must be whole sentences."
    return ""


def _finds_sent(evidence: Evidence) -> str:
    find = _function(registry.messaging(evidence.slug).find_sent)
    answers = [node.value for node in ast.walk(find) if isinstance(node, ast.Return)]
    if not [value for value in answers if value is not None and not isinstance(value, ast.Constant)]:
        return "find_sent() never finds anything; look the message up at the provider."
    return ""


def _has_captured_payloads(evidence: Evidence) -> str:
    for event in evidence.manifest.handled_events:
        kept = [payload for payload in evidence.payloads if payload.event == event]
        if not kept:
            return f"There is no payload of “{event}”."
        if not any(payload.has_headers for payload in kept):
            return f"No payload of “{event}” has its headers beside it: they were written, not captured."
    return ""


_WEBHOOKS = _has(Capability.WEBHOOKS)
_MESSAGING = _has(Capability.MESSAGING)

Proof = tuple[Callable[[Evidence], bool], Callable[[Evidence], str]]
"""Whether the rule applies, and what contradicts that it is done."""

PROOFS: Mapping[str, Proof] = {
    "credentials-tested-before-saving": (_always, _tests_credentials),
    "unique-external-account": (_always, _names_the_account),
    "signed-webhooks": (_WEBHOOKS, _refuses_unsigned),
    "real-addresses": (_always, _has_real_addresses),
    "setup-guide": (_always, _has_complete_guide),
    "own-logo": (_always, _has_own_logo),
    "same-account-on-reauthorization": (_always, _names_the_same_account),
    "replay-refused": (_WEBHOOKS, _refuses_copies),
    "stable-dedupe-key": (_WEBHOOKS, _recognises_repetitions),
    "retry-after-honoured": (_always, _keeps_waiting_times),
    "token-refresh": (_expires, _renews),
    "access-revoked": (_was_granted, _revokes),
    "disconnect-effects-told": (_always, _tells_the_end),
    "ambiguous-sends-found": (_MESSAGING, _finds_sent),
    "captured-payloads": (_WEBHOOKS, _has_captured_payloads),
}


class _AnySecret(Mapping[str, Secret]):
    """Holds a secret of every name."""

    def __getitem__(self, name: str) -> Secret:
        return Secret("c" * 32)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1


def _tree(module: object) -> ast.Module:
    assert inspect.ismodule(module)
    return ast.parse(inspect.getsource(module))


def _folder(evidence: Evidence) -> list[ast.Module]:
    return [ast.parse(text) for text in registry.read_sources(evidence.slug)]


def _function(function: Callable[..., object]) -> ast.FunctionDef:
    found = ast.parse(inspect.getsource(function)).body[0]
    assert isinstance(found, ast.FunctionDef)
    return found


def _names(node: ast.AST) -> Iterator[str]:
    return (child.id for child in ast.walk(node) if isinstance(child, ast.Name))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""
