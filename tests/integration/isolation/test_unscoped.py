"""``docs/unscoped.md`` lists every place that looks across tenants, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PAGE = Path("docs/unscoped.md")
OPENERS = {"unscoped", "unscoped_session", "unscoped_statement", "unscoped_transaction"}
KERNEL = {"services/kernel/db.py", "services/kernel/kernel.py", "services/kernel/tenancy.py"}
"""Define the openers and pass the reason on."""
BELOW_THE_GUARD = {"raw_connection", "driver_connection", "dbapi_connection", "exec_driver_sql", "pgconn"}
CALLED_BELOW_THE_GUARD = {"cursor"}
"""Unless it is called, that is where a provider's list goes on."""
ENGINE_USERS = {
    "app/http/health.py": "asks PostgreSQL whether it is there, and for the revision of its schema",
    "services/kernel/db.py": "is the database layer",
}


def product_files() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("app", "models", "services", "workers"):
        for path in sorted(Path(folder).rglob("*.py")):
            yield path.as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def called_name(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_page_lists_each_use_with_its_reason() -> None:
    in_code: list[tuple[str, str]] = []
    for file, tree in product_files():
        for node in ast.walk(tree):
            if called_name(node) in OPENERS and file not in KERNEL:
                assert isinstance(node, ast.Call)
                [reason] = node.args
                assert isinstance(reason, ast.Constant) and isinstance(reason.value, str), f"{file}: not a fixed reason"
                in_code.append((file, reason.value))
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| (\S.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted((file, reason) for file, reason, _ in rows) == sorted(in_code)
    assert len({reason for _, reason in in_code}) == len(in_code), "one reason, one place"


def test_nobody_goes_below_the_guard() -> None:
    """The guard listens on the engine: a cursor of the driver's own is not heard."""
    found = {
        f"{file}:{getattr(node, 'lineno', 0)}"
        for file, tree in product_files()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in BELOW_THE_GUARD)
        or called_name(node) in CALLED_BELOW_THE_GUARD
        if file not in {"services/kernel/db.py", "services/kernel/standing.py", "workers/runtime/embedded.py"}
    }
    assert found == set()


def test_only_the_database_layer_uses_an_engine() -> None:
    found = {
        file
        for file, tree in product_files()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "engine" and "embedded" not in file
    }
    assert found == set(ENGINE_USERS)
