"""Makes the built pages talk to whatever address they were loaded from, so that one build serves any port and host."""

import re
from pathlib import Path
from typing import Unpack

from reflex_base.plugins.base import Plugin, PostBuildContext

# Reflex 0.10.1 writes the server's address into one file, ``assets/reflex-env-<hash>.js``, as plain literals:
# EVENT:`ws://localhost:8000/_event`. It replaces the host in the browser, but never the port.
_ADDRESS = re.compile(r"""(["'`])(https?|wss?)://localhost:\d+(/[\w-]+)\1""")


class SameOriginPlugin(Plugin):
    """Runs between Vite's build and the compression of its output."""

    def post_build(self, **context: Unpack[PostBuildContext]) -> None:
        """Rewrite the addresses in the built pages.

        Raises:
            RuntimeError: Reflex has changed how it writes them.
        """
        files = sorted(Path(context["static_dir"]).glob("assets/reflex-env-*.js"))
        if not files:
            raise RuntimeError("The build holds no assets/reflex-env-*.js; see app/same_origin.py.")
        for file in files:
            file.write_text(use_own_origin(file.read_text(encoding="utf-8")), encoding="utf-8")


def use_own_origin(script: str) -> str:
    """Return the script with every address of the build machine replaced by the page's own origin.

    Raises:
        RuntimeError: there is none, although there must be.
    """
    replaced, count = _ADDRESS.subn(_relative_to_page, script)
    if not count:
        raise RuntimeError("The built pages hold no server address to replace; see app/same_origin.py.")
    return replaced


def _relative_to_page(match: re.Match[str]) -> str:
    origin = "location.origin" if match[2].startswith("http") else 'location.origin.replace(/^http/,"ws")'
    return f'{origin}+"{match[3]}"'
