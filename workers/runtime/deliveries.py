"""``patchbay deliveries``: count and replay deliveries from a terminal or a script."""

import dataclasses
import json
from argparse import Namespace
from datetime import datetime
from uuid import UUID

from services import vault, webhooks
from services.kernel.errors import InvalidInput, NotFound
from services.kernel.kernel import Kernel
from services.tenants import system_actor
from services.webhooks import DeliveryFilter, ReplayView

_LABEL = "patchbay deliveries"
_WORDS = {
    "process": "deliveries {verb} processed again",
    "rehearse": "answers {verb} drafted again, and not sent",
    "send": "answers {verb} sent again",
}


def replay_deliveries(kernel: Kernel, arguments: Namespace) -> int:
    """Replay what is meant, and print what came of it."""
    result = webhooks.replay(
        kernel,
        actor=system_actor(_tenant(kernel, arguments.tenant), _LABEL),
        wanted=_filter(arguments),
        kind=arguments.kind,
        reason=arguments.reason,
        dry_run=arguments.dry_run,
        may_double=arguments.may_double,
    )
    if arguments.json:
        print(json.dumps(dataclasses.asdict(result), default=str))
    else:
        _say(result)
    return 0


def _say(result: ReplayView) -> None:
    verb = "would be" if result.dry_run else "are"
    print(f"{result.matched:,} deliveries meant; {result.replayed:,} {_WORDS[result.kind].format(verb=verb)}.")
    if result.may_double:
        print(f"{result.may_double:,} of them may arrive twice.")
    if result.left_out:
        print(f"{result.left_out:,} more may have arrived already; --may-double sends those too.")
    if result.remaining:
        print(f"{result.remaining:,} more are left for the next time.")


def _filter(arguments: Namespace) -> DeliveryFilter:
    return DeliveryFilter(
        delivery_id=_id(arguments.delivery, "delivery"),
        connection_id=_id(arguments.connection, "connection"),
        state=arguments.state,
        provider=arguments.provider,
        event_type=arguments.event_type,
        cause=arguments.cause,
        since=_time(arguments.since, "since"),
        until=_time(arguments.until, "until"),
    )


def _id(text: str, field: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise InvalidInput(f"--{field} takes an id, as the log shows it.", field=field) from error


def _time(text: str, field: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidInput(f"--{field} takes a time such as 2026-03-01T09:00:00Z.", field=field) from error


def _tenant(kernel: Kernel, wanted: str) -> UUID:
    found = [tenant_id for tenant_id, name in vault.list_tenant_names(kernel) if wanted in (str(tenant_id), name)]
    if not found:
        raise NotFound(f"There is no company “{wanted}”. `patchbay keys status` lists them.")
    if len(found) > 1:
        raise InvalidInput(f"{len(found)} companies are called “{wanted}”. Give the id.", field="tenant")
    return found[0]
