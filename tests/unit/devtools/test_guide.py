"""The guide to adding a provider is followed to the letter, and ends where it says."""

import re
import shlex
from pathlib import Path

import pytest

from services.devtools.scaffold import create_provider
from services.provider_kit.quality import RULES, Tier, parse_quality
from tests.support.working_copy import ROOT, check_types, copy_working_tree, run_tool

GUIDE = (ROOT / "docs" / "guide" / "adding-a-provider.md").read_text(encoding="utf-8")
STEPS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
"""Every block of the guide: its language, the file it is about, its text."""
PYTHON = ".venv/bin/python"


class Reader:
    """Somebody who does what the guide says, and nothing else."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tested = 0

    def follow(self, language: str, file: str, text: str) -> None:
        """Do one step."""
        if language == "sh":
            for command in text.splitlines():
                self._type(shlex.split(command))
        elif language == "diff":
            self._change(self.root / file, text)
        else:
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            (self.root / file).write_text(text, encoding="utf-8")

    def _type(self, words: list[str]) -> None:
        if words[:2] == [".venv/bin/patchbay", "new-provider"]:
            create_provider(words[2], root=self.root)
        elif words[:3] == [PYTHON, "-m", "pytest"]:
            said = run_tool(self.root, *words[2:], "-p", "no:cacheprovider", "-W", "ignore")
            assert " passed" in said and "failed" not in said
            self.tested += 1
        else:
            assert words[0] == "rm", words
            (self.root / words[1]).unlink()

    @staticmethod
    def _change(path: Path, text: str) -> None:
        lines = text.splitlines()
        old = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
        new = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
        before = path.read_text(encoding="utf-8")
        assert before.count(old) == 1, f"{path.name} holds this {before.count(old)} times:\n{old}"
        path.write_text(before.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Somebody who has followed the whole guide."""
    reader = Reader(copy_working_tree(tmp_path_factory.mktemp("guide")))
    for language, file, text in STEPS:
        reader.follow(language, file, text)
    return reader


def test_following_it_ends_green(reader: Reader) -> None:
    assert reader.tested == 2


def test_what_it_writes_is_formatted_linted_and_typed(reader: Reader) -> None:
    folders = ("services/providers/line", "tests/providers/line")
    run_tool(reader.root, "ruff", "format", "--check", "--no-cache", *folders)
    run_tool(reader.root, "ruff", "check", "--no-cache", *folders)
    check_types(reader.root, *(reader.root / folder for folder in folders))


def test_the_tier_is_the_one_it_promises(reader: Reader) -> None:
    quality = parse_quality("line", (reader.root / "services/providers/line/quality.toml").read_text())

    assert quality.tier is Tier.SILVER
    assert "as **silver**" in GUIDE


def test_nothing_of_the_template_is_left(reader: Reader) -> None:
    files = [*reader.root.glob("services/providers/line/*.*"), *reader.root.glob("tests/providers/line/**/*.*")]
    assert len(files) > 10

    assert [path.name for path in files if re.search(r"example\.com|acme|message\.created", path.read_text())] == []


def test_half_an_hour_is_enough() -> None:
    minutes = [int(found) for found in re.findall(r"^### \d+\. .*\((\d+) minutes?\)$", GUIDE, re.MULTILINE)]

    assert len(minutes) == 11 and sum(minutes) <= 30


def test_every_rule_stands_in_the_row_of_its_tier() -> None:
    for tier in (Tier.BRONZE, Tier.SILVER, Tier.GOLD):
        row = next(line for line in GUIDE.splitlines() if line.startswith(f"| {tier.value} |"))
        assert re.findall(r"`([a-z-]+)`", row) == [rule.id for rule in RULES if rule.tier is tier]
