"""Whether the process lives, and whether it can work."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from alembic.config import Config
from alembic.script import ScriptDirectory
from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

import models
from services.kernel.errors import ConfigurationError
from services.kernel.kernel import Kernel, connect_redis
from services.kernel.keyring import describe_source
from services.vault import require_usable_keys


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
    """Check the database, its schema, Redis and the key."""
    database, schema = _check_database(kernel)
    checks = {
        "postgresql": database,
        "schema": schema,
        "redis": _check_redis(redis),
        "key": _check_key(kernel),
    }
    found = {check.status for check in checks.values()}
    status = "not_ready" if "missing" in found else "degraded" if "degraded" in found else "ready"
    return Readiness(status=status, checks=checks)


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


@lru_cache(maxsize=1)
def expected_revision() -> str | None:
    """Return the newest migration that this version of the product brings."""
    config = Config()
    config.set_main_option("script_location", str(Path(models.__file__).parent / "migrations"))
    return ScriptDirectory.from_config(config).get_current_head()


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
