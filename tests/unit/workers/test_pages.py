"""The built pages: used again while their sources are unchanged, never when a build was cut off."""

from pathlib import Path

import pytest

from services.kernel.errors import ConfigurationError
from workers.runtime import pages


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one page, built."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "page.py").write_text("one", encoding="utf-8")
    (tmp_path / "rxconfig.py").write_text("", encoding="utf-8")
    (tmp_path / ".web" / "build" / "client").mkdir(parents=True)
    (tmp_path / ".web" / "build" / "client" / "index.html").write_text("", encoding="utf-8")
    pages.mark_built(tmp_path)
    return tmp_path


def test_built_pages_are_used_again(root: Path) -> None:
    assert pages.is_built(root)


@pytest.mark.parametrize("name", ["app/page.py", "app/another.py", "rxconfig.py", "requirements.lock"])
def test_a_changed_source_asks_for_a_build(root: Path, name: str) -> None:
    (root / name).write_text("two", encoding="utf-8")
    assert not pages.is_built(root)


def test_a_renamed_source_asks_for_a_build(root: Path) -> None:
    (root / "app" / "page.py").rename(root / "app" / "renamed.py")
    assert not pages.is_built(root)


@pytest.mark.parametrize("name", ["app/__pycache__/page.pyc", "app/sandbox/asgi.py", "README.md"])
def test_what_no_page_is_made_from_asks_for_nothing(root: Path, name: str) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("two", encoding="utf-8")
    assert pages.is_built(root)


def test_a_build_that_was_cut_off_does_not_count(root: Path) -> None:
    pages.mark_unfinished(root)
    assert not pages.is_built(root)


def test_pages_that_were_removed_are_built_again(root: Path) -> None:
    (root / ".web" / "build" / "client" / "index.html").unlink()
    assert not pages.is_built(root)


def test_a_failed_build_shows_its_last_words_and_is_not_remembered(root: Path) -> None:
    pages.mark_unfinished(root)
    log_file = root / "pages.log"
    log_file.write_text("## compiling\nno such component\n", encoding="utf-8")
    command = pages.build_command(root, log_file=log_file, environment={})
    assert pages.last_step(command) == "compiling"
    with pytest.raises(ConfigurationError, match="no such component"):
        pages.finish(root, exit_code=1, command=command)
    assert not pages.is_built(root)


def test_only_one_builds_at_a_time(root: Path) -> None:
    class StillBuildingError(Exception):
        pass

    def give_up() -> None:
        raise StillBuildingError

    with (
        pages.only_builder(root, pause=give_up),
        pytest.raises(StillBuildingError),
        pages.only_builder(root, pause=give_up),
    ):
        pass
    with pages.only_builder(root, pause=give_up):
        pass


def test_the_build_uses_node_of_the_virtual_environment_and_ignores_other_reflex_settings() -> None:
    environment = pages.build_environment({"PATH": "/usr/bin", "REFLEX_API_URL": "http://elsewhere"})
    assert environment["PATH"].endswith(":/usr/bin")
    assert "REFLEX_API_URL" not in environment
    assert environment["REFLEX_USE_NPM"] == "true"
