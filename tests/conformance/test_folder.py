"""A provider's folder: what is there is what the manifest says, and the other way round."""

import ast
import importlib
import inspect
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from services.provider_kit import registry
from services.provider_kit.auth import Pasted
from services.provider_kit.contract import (
    ActionsModule,
    AppManifestModule,
    CalendarModule,
    Capability,
    ChannelsModule,
    ClientModule,
    DirectoryModule,
    DomainsModule,
    InboxModule,
    MessagingModule,
    OAuthModule,
    ReconcileModule,
    RefreshModule,
    RevokeModule,
    SharedModule,
    WebhooksModule,
)
from services.provider_kit.fields import FieldKind, FieldValues, validate
from services.provider_kit.proofs import SETUP_HEADINGS, CapturedPayload, Evidence, find_contradiction
from services.provider_kit.quality import RULES, Rule, Status, read_quality
from tests.conformance.cases import SLUGS, every_provider, every_sender, messaging_wire
from tests.providers.harness import load_payloads, load_wire, signed

ROOT = Path(__file__).resolve().parents[2]
PROVIDERS = ROOT / "services" / "providers"
PROTOCOLS: dict[str, type] = {
    "client": ClientModule,
    "webhooks": WebhooksModule,
    "messaging": MessagingModule,
    "channels": ChannelsModule,
    "directory": DirectoryModule,
    "revoke": RevokeModule,
    "app_manifest": AppManifestModule,
    "inbox": InboxModule,
    "calendar": CalendarModule,
    "shared": SharedModule,
    "domains": DomainsModule,
    "actions": ActionsModule,
    "reconcile": ReconcileModule,
    "oauth": OAuthModule,
}


def test_every_folder_is_a_provider() -> None:
    folders = {path.name for path in PROVIDERS.iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert set(SLUGS) == folders


@every_provider
def test_slug_fits_addresses_settings_and_module_names(slug: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]{1,38}", slug)


@every_provider
def test_a_capability_is_a_file(slug: str) -> None:
    manifest = registry.get_manifest(slug)
    present = {path.stem for path in (PROVIDERS / slug).glob("*.py")} & set(PROTOCOLS)
    expected = {"client", *(capability.value for capability in manifest.capabilities)}

    assert present == (expected | {"oauth"} if manifest.oauth else expected)


@every_provider
def test_modules_hold_what_their_protocol_asks_for(slug: str) -> None:
    for part, protocol in PROTOCOLS.items():
        if not (PROVIDERS / slug / f"{part}.py").exists():
            continue
        module = importlib.import_module(f"services.providers.{slug}.{part}")
        for name, promised in inspect.getmembers(protocol, inspect.isfunction):
            if name.startswith("_"):
                continue
            held = getattr(module, name, None)
            assert inspect.isfunction(held), f"{part}.py lacks {name}()"
            assert _parameters(held) == _parameters(promised)[1:], f"{part}.{name}() takes other parameters"


@every_provider
def test_tokens_that_expire_can_be_renewed(slug: str) -> None:
    scheme = registry.get_manifest(slug).oauth
    reads_refresh = scheme is not None and hasattr(registry.oauth(slug), "read_refresh")

    assert reads_refresh == (scheme is not None and scheme.refresh)
    if scheme is not None and scheme.refresh:
        promised = dict(inspect.getmembers(RefreshModule, inspect.isfunction))["read_refresh"]
        assert _parameters(registry.refresh(slug).read_refresh) == _parameters(promised)[1:]


@every_provider
def test_the_manifest_is_data_alone(slug: str) -> None:
    tree = ast.parse((PROVIDERS / slug / "manifest.py").read_text())
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    plain = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]

    assert all(module.startswith("services.provider_kit.") for module in modules), modules
    assert plain == []
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]


@every_provider
def test_the_manifest_is_complete(slug: str) -> None:
    manifest = registry.get_manifest(slug)

    assert manifest.auth and manifest.disconnect_effects and manifest.summary.endswith(".")
    assert manifest.docs_url.startswith("https://")
    assert manifest.message_limit > 0
    assert len({scheme.id for scheme in manifest.auth}) == len(manifest.auth)
    assert bool(manifest.webhooks) == (Capability.WEBHOOKS in manifest.capabilities) == bool(manifest.handled_events)
    assert len({kind.name for kind in manifest.webhooks}) == len(manifest.webhooks)
    assert all(kind.content_types and kind.pasted_into for kind in manifest.webhooks)
    assert len({scope.name for scope in manifest.scopes}) == len(manifest.scopes)
    assert all(scope.reason.endswith(".") for scope in manifest.scopes)
    assert all(intent.endswith(".") for intent in manifest.handled_events.values())


@every_provider
def test_every_address_is_encrypted_and_has_a_place_in_the_sandbox(slug: str) -> None:
    manifest = registry.get_manifest(slug)
    needed = {manifest.oauth.authorize_url, manifest.oauth.token_url} if manifest.oauth else set[str]()

    assert needed <= set(manifest.urls)
    for name, url in manifest.urls.items():
        assert re.fullmatch(r"[a-z_]+", name)
        assert url.default.startswith("https://")
        # The services of one company may share a place: google_calendar is played under /google.
        place = url.sandbox.split("/")[1]
        assert slug == place or slug.startswith(f"{place}_")


@every_provider
def test_what_is_secret_goes_to_the_vault(slug: str) -> None:
    for field in registry.get_manifest(slug).fields():
        if re.search(r"token|secret|password|key", field.name):
            assert field.kind is FieldKind.SECRET, field.name
        assert field.help and field.pattern and field.pattern_hint, field.name
        re.compile(field.pattern)


@every_provider
def test_the_wire_s_own_values_pass_the_form(slug: str) -> None:
    wire = load_wire(slug)
    for scheme in registry.get_manifest(slug).auth:
        if not isinstance(scheme, Pasted):
            continue
        known = {field.name for field in scheme.fields}
        values = {name: value for name, value in {**wire.settings, **wire.secrets}.items() if name in known}
        checked = validate(scheme.fields, values)

        assert isinstance(checked, FieldValues)
        assert set(checked.secrets) == {field.name for field in scheme.fields if field.is_secret and field.required}


@every_provider
def test_the_logo_is_a_plain_drawing(slug: str) -> None:
    root = ET.fromstring((ROOT / "assets" / "providers" / f"{slug}.svg").read_text())

    assert root.tag.endswith("svg") and root.get("viewBox")
    for element in root.iter():
        assert element.tag.rpartition("}")[2] in {"svg", "g", "path", "rect", "circle", "ellipse", "polygon", "title"}
        assert not [name for name in element.attrib if name.lower().startswith("on") or name.endswith("href")]


@every_provider
def test_the_set_up_page_fits_on_one_page(slug: str) -> None:
    text = registry.read_setup(slug)

    assert text.startswith(f"# Connect {registry.get_manifest(slug).name}\n")
    assert [heading for heading in SETUP_HEADINGS if heading not in text] == []
    assert len(text.splitlines()) <= 80


@every_provider
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_what_is_said_about_quality_is_not_contradicted(slug: str, rule: Rule) -> None:
    assert find_contradiction(rule.id, read_quality(slug).answers[rule.id], _evidence(slug)) == ""


@every_sender
def test_interrupted_sends_are_found_if_quality_says_so(slug: str) -> None:
    answer = read_quality(slug).answers["ambiguous-sends-found"]

    assert (answer.status is Status.DONE) == (messaging_wire(slug).found is not None)


@every_provider
def test_every_handled_event_has_a_payload_and_every_payload_is_handled(slug: str) -> None:
    assert {payload.event for payload in load_payloads(slug)} == set(registry.get_manifest(slug).handled_events)


def test_signatures_and_secrets_are_never_compared_with_equals() -> None:
    suspicious = re.compile(r"(^|_)(signature|secret|token|digest|mac|hmac)$")
    found: list[str] = []
    for path in [*PROVIDERS.rglob("*.py"), *(ROOT / "services" / "provider_kit").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
                names = [_name(side) for side in (node.left, *node.comparators)]
                found += [f"{path.name}:{node.lineno}" for name in names if suspicious.search(name)]

    assert found == []


def test_an_unknown_provider_is_not_found() -> None:
    for slug in ("", "nope", "../slack", "slack.client", "SLACK"):
        with pytest.raises(Exception, match="no provider") as caught:
            registry.get_manifest(slug)
        assert caught.value.__class__.__name__ == "NotFound"


def _evidence(slug: str) -> Evidence:
    logo = ROOT / "assets" / "providers" / f"{slug}.svg"
    return Evidence(
        manifest=registry.get_manifest(slug),
        logo=logo.read_text() if logo.exists() else "",
        payloads=[
            CapturedPayload(
                event=payload.event, request=signed(load_wire(slug), payload.request), has_headers=payload.has_headers
            )
            for payload in load_payloads(slug)
        ],
    )


def _parameters(function: object) -> list[tuple[str, object]]:
    assert callable(function)
    return [(item.name, item.kind) for item in inspect.signature(function).parameters.values()]


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""
