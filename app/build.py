"""Builds the pages: ``python -m app.build``, run by the supervisor with the environment of ``workers.runtime.pages``.

The public command ``reflex export`` would, in a folder without ``.web``, also write files of its own into the
project and ask package registries for news. These are the steps of it that we need.
"""

import os
import subprocess

from reflex.utils import export, frontend_skeleton, prerequisites


def main() -> None:
    """Compile the pages and bundle them into ``.web/build/client``."""
    # Left to itself Reflex measures which public registry is nearer; npm's own configuration decides here.
    os.environ["NPM_CONFIG_REGISTRY"] = _configured_registry()
    if prerequisites.needs_reinit():
        _announce("preparing")
        prerequisites.initialize_reflex_user_directory()
        frontend_skeleton.initialize_web_directory()
    _announce("compiling pages, installing their packages and bundling them")
    export.export(zipping=False, frontend=True, backend=False)


def _configured_registry() -> str:
    return subprocess.run(
        ["npm", "config", "get", "registry"], check=True, capture_output=True, text=True
    ).stdout.strip()


def _announce(step: str) -> None:
    print(f"## {step}", flush=True)


if __name__ == "__main__":
    main()
