"""The lock files: they hold every dependency with hashes, and no committed file says where to download from."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from workers.runtime.supervisor import ROOT

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")
# Put together here, so that this file holds none of them.
_DOWNLOAD_ADDRESSES = (
    "files." + "pythonhosted.org",
    "pypi." + "org/simple",
    "registry." + "npmjs.org",
    "registry." + "npmmirror.com",
    "registry." + "yarnpkg.com",
    '"resolved"' + ":",
    "--index" + "-url",
    "--extra-index" + "-url",
)
_MAY_NAME_THEM = ("docs/", "README.md")


def pinned(name: str) -> dict[str, Version]:
    """The packages and versions of a lock file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = (_PINNED.match(line) for line in lines)
    return {canonicalize_name(match[1]): Version(match[2]) for match in found if match}


def required(*groups: str) -> list[Requirement]:
    """What ``pyproject.toml`` asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lists = [project["dependency-groups"][group] for group in groups] or [project["project"]["dependencies"]]
    return [Requirement(item) for items in lists for item in items]


@pytest.mark.parametrize(
    ("lock", "groups"),
    [
        ("requirements.lock", ()),
        ("requirements.lock", ("build",)),
        ("requirements-dev.lock", ("dev",)),
        ("requirements-bench.lock", ("bench",)),
        ("requirements-installer.lock", ("installer",)),
    ],
)
def test_every_dependency_is_locked_as_asked_for(lock: str, groups: tuple[str, ...]) -> None:
    versions = pinned(lock)
    stale = [
        str(requirement)
        for requirement in required(*groups)
        if (version := versions.get(canonicalize_name(requirement.name))) is None
        or not requirement.specifier.contains(version)
    ]
    assert not stale, f"{lock} is not up to date; run `make lock`: {stale}"


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements-dev.lock", "requirements-bench.lock", "requirements-installer.lock"]
)
def test_every_pin_has_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    for block in re.split(r"\n(?=[A-Za-z0-9])", text.strip()):
        assert "--hash=sha256:" in block, block.splitlines()[0]


@pytest.mark.parametrize("lock", ["requirements-dev.lock", "requirements-bench.lock"])
def test_tools_agree_with_the_product_on_versions(lock: str) -> None:
    product, tools = pinned("requirements.lock"), pinned(lock)
    assert {name for name in product.keys() & tools.keys() if product[name] != tools[name]} == set()


def test_no_committed_file_holds_a_download_address() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [Path(name) for name in listed.stdout.split("\0") if name and not name.startswith(_MAY_NAME_THEM)]
    found = [
        f"{file}: {address}"
        for file in files
        if (ROOT / file).is_file()
        for text in [(ROOT / file).read_text(encoding="utf-8", errors="replace")]
        for address in _DOWNLOAD_ADDRESSES
        if address in text
    ]
    assert not found
