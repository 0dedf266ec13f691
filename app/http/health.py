"""Whether the process lives, and whether it can work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from services.kernel.errors import ConfigurationError
from services.kernel.kernel import Kernel, connect_redis
from services.kernel.keyring import describe_source
from services.operations import HEARD_SECONDS, expected_revision, list_heard
from services.vault import require_usable_keys

_AT_WORK: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "workers": ("worker", "webhooks are stored, and nothing is done about them. Start `patchbay worker`."),
        "scheduler": (
            "scheduler",
            "what nobody was woken for waits, and so does everything that is repeated. Start `patchbay scheduler`.",
        ),
    }
)
"""Check → the process it is about, and what its absence means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One thing the process needs."""

    status: Literal["ok", "degraded", "missing"]
    """``degraded``: the product works on, with less; ``missing``: it cannot."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether the process can work."""

    status: Literal["ready", "degraded", "not_ready"]
    checks: dict[str, CheckResult]
    missing: tuple[str, ...]
    """Names of the checks that are not ok, what stands in the way first."""


def create_health_router(kernel: Kernel) -> APIRouter:
    """Return the routes for probes; they need no sign-in and tell nothing about tenants."""
    router = APIRouter()
    redis = connect_redis(kernel.settings)

    @router.get("/healthz")
    async def healthz() -> PlainTextResponse:  # pyright: ignore[reportUnusedFunction]
        return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})

    @router.get("/readyz")
    def readyz(response: Response) -> Readiness:  # pyright: ignore[reportUnusedFunction]
        readiness = check_readiness(kernel, redis)
        response.status_code = 503 if readiness.status == "not_ready" else 200
        response.headers["Cache-Control"] = "no-store"
        return readiness

    return router


def check_readiness(kernel: Kernel, redis: Redis) -> Readiness:
    """Check the database, its schema, Redis, the key, and who is at work."""
    database, schema = _check_database(kernel)
    checks = {
        "postgresql": database,
        "schema": schema,
        "redis": _check_redis(redis),
        "key": _check_key(kernel),
        **_check_processes(kernel),
    }
    missing = [name for name, check in checks.items() if check.status == "missing"]
    degraded = [name for name, check in checks.items() if check.status == "degraded"]
    status = "not_ready" if missing else "degraded" if degraded else "ready"
    return Readiness(status=status, checks=checks, missing=(*missing, *degraded))


def _check_database(kernel: Kernel) -> tuple[CheckResult, CheckResult]:
    unknown = CheckResult(status="missing", detail="Unknown while PostgreSQL does not answer.")
    try:
        with kernel.database.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        away = "PostgreSQL does not answer. Check PATCHBAY_DATABASE_URL and that the server runs."
        return CheckResult(status="missing", detail=away), unknown
    return CheckResult(status="ok", detail="PostgreSQL answers."), _check_schema(kernel)


def _check_schema(kernel: Kernel) -> CheckResult:
    try:
        with kernel.database.engine.connect() as connection:
            current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    except SQLAlchemyError:
        current = None
    if current == expected_revision():
        return CheckResult(status="ok", detail=f"The schema is at revision {current}.")
    return CheckResult(
        status="missing",
        detail=f"The schema is at revision {current or 'none'}, and {expected_revision()} is needed."
        " Run `patchbay migrate`.",
    )


def _check_redis(redis: Redis) -> CheckResult:
    ping: Callable[[], object] = redis.ping  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    try:
        ping()
    except (RedisError, OSError):
        return CheckResult(
            status="degraded",
            detail="Redis does not answer: work starts with a delay and pages do not update by themselves."
            " Check PATCHBAY_REDIS_URL and that the server runs.",
        )
    return CheckResult(status="ok", detail="Redis answers.")


def _check_processes(kernel: Kernel) -> dict[str, CheckResult]:
    """Look whether anybody does the work. Degraded at most: what arrives is stored, and must go on being accepted."""
    try:
        heard = {item.words[0]: item.count for item in list_heard(kernel)}
    except SQLAlchemyError:
        unknown = CheckResult(status="degraded", detail="Unknown while PostgreSQL does not answer.")
        return dict.fromkeys(_AT_WORK, unknown)
    return {
        check: CheckResult(status="ok", detail=f"Heard of {heard[process]} within {HEARD_SECONDS:.0f} seconds.")
        if heard.get(process)
        else CheckResult(status="degraded", detail=f"None was heard of for {HEARD_SECONDS:.0f} seconds: {effect}")
        for check, (process, effect) in _AT_WORK.items()
    }


def _check_key(kernel: Kernel) -> CheckResult:
    settings = kernel.settings
    try:
        require_usable_keys(kernel)
    except ConfigurationError:  # its words are for operators: they count tenants and name files
        return CheckResult(
            status="missing",
            detail="The key does not open what is in this database: secrets cannot be read."
            " `patchbay keys status` names the key that is missing.",
        )
    except SQLAlchemyError:
        pass  # the database's own check says so
    source = describe_source(settings)
    if source.startswith("PATCHBAY_"):
        return CheckResult(status="ok", detail=f"The key comes from {source}.")
    if Path(source).is_file():
        return CheckResult(status="ok", detail="The key file is there.")
    return CheckResult(
        status="degraded",
        detail="The key file is gone: this process still has the key, but the next start will not. Put it back.",
    )
