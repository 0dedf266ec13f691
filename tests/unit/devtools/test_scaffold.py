"""``patchbay new-provider`` leaves the tree green."""

from pathlib import Path

import pytest

from services.devtools.scaffold import create_provider
from services.kernel.errors import Conflict, InvalidInput
from services.provider_kit.quality import Tier, parse_quality
from tests.support.working_copy import check_types, copy_working_tree, run_tool


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a provider lives in, with two new ones: the shortest name and the longest."""
    root = copy_working_tree(tmp_path_factory.mktemp("tree"))
    create_provider("zz", root=root)
    create_provider("a_" + "long" * 9 + "x", root=root)
    return root


def test_the_conformance_suite_accepts_it_as_it_is(tree: Path) -> None:
    names = "zz or every_folder_is_a_provider"
    run_tool(tree, "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "-k", names, "tests")


def test_it_is_formatted_and_linted(tree: Path) -> None:
    folders = [str(folder) for folder in _new_folders(tree)]
    run_tool(tree, "ruff", "format", "--check", "--no-cache", *folders)
    run_tool(tree, "ruff", "check", "--no-cache", *folders)


def test_its_types_are_right(tree: Path) -> None:
    check_types(tree, *_new_folders(tree))


def test_it_is_not_fit_for_tenants_before_its_placeholders_are_gone(tree: Path) -> None:
    quality = parse_quality("zz", (tree / "services" / "providers" / "zz" / "quality.toml").read_text())

    assert quality.tier is Tier.UNRATED
    assert [rule.id for rule in quality.missing(Tier.BRONZE)] == ["real-addresses", "setup-guide"]


@pytest.mark.parametrize(
    "slug",
    ["", "x", "Slack", "1st", "a-b", "a b", "../x", "a/b", "a__b", "a_", "class", "é" * 3, "x" * 40, "sandbox", "a\n"],
)
def test_a_name_that_cannot_be_used_everywhere_is_refused(slug: str, tmp_path: Path) -> None:
    (tmp_path / "services" / "providers").mkdir(parents=True)
    with pytest.raises(InvalidInput):
        create_provider(slug, root=tmp_path)
    assert list((tmp_path / "services" / "providers").iterdir()) == []


def test_what_exists_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "services" / "providers").mkdir(parents=True)
    logo = tmp_path / "assets" / "providers" / "discord.svg"
    logo.parent.mkdir(parents=True)
    logo.write_text("mine")

    with pytest.raises(Conflict, match="discord"):
        create_provider("discord", root=tmp_path)
    assert logo.read_text() == "mine"
    assert not (tmp_path / "services" / "providers" / "discord").exists()


def test_it_needs_a_working_copy(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="services/providers"):
        create_provider("discord", root=tmp_path)


def _new_folders(tree: Path) -> list[Path]:
    return [path for path in tree.glob("*/providers/*/") if path.name.startswith(("zz", "a_long"))]
