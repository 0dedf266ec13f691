"""The registry: folders, and nothing imported that is not needed."""

import json
import subprocess
import sys

import pytest

from services.kernel.errors import NotFound
from services.provider_kit import registry
from services.provider_kit.contract import Capability


def test_manifests_come_by_name() -> None:
    names = [manifest.name for manifest in registry.list_manifests()]

    assert names == sorted(names, key=str.casefold) and "Slack" in names


def test_listing_imports_manifests_alone() -> None:
    code = (
        "import json, sys; from services.provider_kit import registry; registry.list_manifests();"
        "print(json.dumps([name for name in sys.modules if name.startswith(('slack_sdk', 'twilio', 'services.prov'))]))"
    )
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)

    assert [name for name in loaded if name.startswith(("slack_sdk", "twilio"))] == []
    assert [name for name in loaded if name.count(".") == 3 and not name.endswith(".manifest")] == []


def test_what_a_provider_cannot_do_is_not_found() -> None:
    with pytest.raises(NotFound) as caught:
        registry.channels("slack")
    assert caught.value.code == "no_capability"
    with pytest.raises(NotFound) as caught:
        registry.oauth("twilio")
    assert caught.value.code == "no_oauth"
    with pytest.raises(NotFound) as caught:
        registry.load("nobody", Capability.WEBHOOKS)
    assert caught.value.code == "unknown_provider"


def test_a_part_is_loaded_once() -> None:
    assert registry.webhooks("slack") is registry.load("slack", Capability.WEBHOOKS)


def test_the_set_up_page_is_read_for_people() -> None:
    assert registry.read_setup("slack").startswith("# Connect Slack")
    with pytest.raises(NotFound):
        registry.read_setup("../kernel")
