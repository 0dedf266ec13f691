"""The scene for tests against a peer."""

from collections.abc import Generator
from pathlib import Path

import pytest

from services.kernel.settings import Settings
from tests.peers.scene import Scene, open_scene


@pytest.fixture
def scene(settings: Settings, tmp_path: Path) -> Generator[Scene]:
    """The scene with everything set right."""
    with open_scene(settings, tmp_path) as opened:
        yield opened
