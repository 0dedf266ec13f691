"""``patchbay keys``: look at keys, exchange them, take the way back, destroy what was left."""

import dataclasses
import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from services import vault
from services.kernel.errors import NotFound
from services.kernel.kernel import Kernel
from services.kernel.keyring import describe_source
from services.tenants import Actor, system_actor
from services.vault import KeyStatusView, KeyView, Progress, RotationView

_PATIENCE_SECONDS = 120.0
_SLICE_SECONDS = 1.0
_PAUSE_SECONDS = 0.5
_LABEL = "patchbay keys"
_RECORDS = (KeyView, RotationView)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What a rotation of one tenant's key came to."""

    tenant_id: UUID
    tenant: str
    state: str
    secrets: int
    left_on_old_key: int
    seconds: float
    kept_until: str
    waiting_for: tuple[str, ...]
    problem: str

    @property
    def is_complete(self) -> bool:
        """Whether no secret is left under the old key, and it opens nothing any more."""
        return self.state in ("retired", "done", "reverted") and not self.left_on_old_key


def show_status(kernel: Kernel, arguments: Namespace) -> int:
    """Print keys and rotations of the companies that are meant."""
    tenants = _tenants(kernel, arguments.tenant)
    found = [(tenant_id, name, vault.list_key_status(kernel, actor=_actor(tenant_id))) for tenant_id, name in tenants]
    if arguments.json:
        companies: list[dict[str, object]] = [
            {"id": tenant_id, "name": name, "keys": status.keys, "rotation": status.rotation, "is_due": status.is_due}
            for tenant_id, name, status in found
        ]
        _print_json(
            {
                "kek": {"source": describe_source(kernel.settings), "ids": kernel.kek.ids},
                "processes": vault.list_processes(kernel),
                "tenants": companies,
            }
        )
        return 0
    print(
        f"key-encryption keys: {', '.join(kernel.kek.ids)} (from {describe_source(kernel.settings)}; the first wraps)"
    )
    print(f"running: {', '.join(vault.list_processes(kernel)) or 'nothing'}")
    for _, name, status in found:
        print(f"\n{name}{'  (rotate: in use for more than 90 days)' if status.is_due else ''}")
        for key in status.keys:
            print(f"  {key.id}  {key.state:<12}  {key.secret_count:>7,} secrets  wrapped by {key.kek_id}")
        if status.rotation:
            print(f"  {_describe(status)}")
    return 0


def rotate_keys(kernel: Kernel, arguments: Namespace) -> int:
    """Rotate, or go on with what is under way, and wait until the old keys are switched off."""
    if arguments.kek:
        return _rewrap(kernel, arguments)
    tenants = _tenants(kernel, arguments.tenant)
    if arguments.dry_run:
        return _say_what_would_be(kernel, tenants, arguments, verb="re-encrypted with a new key")
    results: list[Rotated] = []
    for tenant_id, name in tenants:
        if vault.list_key_status(kernel, actor=_actor(tenant_id)).can_start:
            vault.start_rotation(kernel, actor=_actor(tenant_id))
        results.append(_finish(kernel, tenant_id, name, as_json=arguments.json))
    return _report(results, arguments)


def revert_keys(kernel: Kernel, arguments: Namespace) -> int:
    """Take the way back, and wait until nothing is left under the newer keys."""
    tenants = [
        (tenant_id, name)
        for tenant_id, name in _tenants(kernel, arguments.tenant)
        if arguments.tenant or _can_revert(kernel, tenant_id)
    ]
    if arguments.dry_run:
        return _say_what_would_be(kernel, tenants, arguments, verb="re-encrypted with the key before")
    results: list[Rotated] = []
    for tenant_id, name in tenants:
        vault.revert_rotation(kernel, actor=_actor(tenant_id))
        results.append(_finish(kernel, tenant_id, name, as_json=arguments.json))
    return _report(results, arguments)


def destroy_keys(kernel: Kernel, arguments: Namespace) -> int:
    """Destroy retired keys now: backups that were made before the rotation lose their secrets."""
    tenants = _tenants(kernel, arguments.tenant)
    if not arguments.yes:
        print("Backups made before the rotation lose their secrets for good. Say so with --yes.", file=sys.stderr)
        return 1
    counts = {name: vault.destroy_retired_keys(kernel, actor=_actor(tenant_id)) for tenant_id, name in tenants}
    if arguments.json:
        _print_json({"destroyed": counts})
    else:
        for name, count in counts.items():
            print(f"{name}: {count} {'key' if count == 1 else 'keys'} destroyed")
    return 0


def _finish(kernel: Kernel, tenant_id: UUID, name: str, *, as_json: bool) -> Rotated:
    """Take the steps here, beside workers that may take them too, until the rotation is at rest."""
    began = time.monotonic()
    actor = _actor(tenant_id)
    while True:
        status = vault.list_key_status(kernel, actor=actor)
        if status.rotation is None:
            raise NotFound("There is no rotation.")
        if not status.rotation.is_under_way or time.monotonic() - began > _PATIENCE_SECONDS:
            break
        progress = vault.run_rotation(
            kernel, tenant_id=tenant_id, rotation_id=status.rotation.id, seconds=_SLICE_SECONDS
        )
        if progress.problem:
            status = vault.list_key_status(kernel, actor=actor)
            break
        _show_progress(name, status, progress, as_json=as_json)
    return _rotated(tenant_id, name, status, seconds=time.monotonic() - began)


def _show_progress(name: str, status: KeyStatusView, progress: Progress, *, as_json: bool) -> None:
    rotation = status.rotation
    if rotation and not as_json and sys.stderr.isatty():
        print(f"\r{name}: {rotation.rows_done:,} of {rotation.rows_total:,}", end="", file=sys.stderr, flush=True)
    if progress.is_at_rest:
        time.sleep(_PAUSE_SECONDS)  # a process is to see the key first, or a worker is at it


def _rotated(tenant_id: UUID, name: str, status: KeyStatusView, *, seconds: float) -> Rotated:
    rotation = status.rotation
    if rotation is None:
        raise NotFound("There is no rotation.")
    return Rotated(
        tenant_id=tenant_id,
        tenant=name,
        state=rotation.state.value,
        secrets=status.secret_count,
        left_on_old_key=rotation.rows_left,
        seconds=round(seconds, 2),
        kept_until=rotation.kept_until.isoformat(timespec="seconds") if rotation.kept_until else "",
        waiting_for=rotation.waiting_for,
        problem=rotation.problem,
    )


def _report(results: Sequence[Rotated], arguments: Namespace) -> int:
    if arguments.json:
        _print_json({"dry_run": False, "tenants": [dataclasses.asdict(result) for result in results]})
    for result in results if not arguments.json else ():
        print(
            f"{result.tenant}: {result.state}; {result.secrets:,} secrets, {result.left_on_old_key:,} on the key left"
        )
        if result.kept_until:
            print(f"  way back until {result.kept_until}: patchbay keys revert --tenant {result.tenant_id}")
        for words in (*result.waiting_for, result.problem):
            if words:
                print(f"  {words}")
    return 0 if all(result.is_complete for result in results) else 1


def _say_what_would_be(kernel: Kernel, tenants: Sequence[tuple[UUID, str]], arguments: Namespace, *, verb: str) -> int:
    processes = vault.list_processes(kernel)
    plans = [
        {
            "tenant_id": tenant_id,
            "tenant": name,
            "secrets": status.secret_count,
            "by_key": {str(key.id): key.secret_count for key in status.keys},
            "goes_on_with": status.rotation.state.value if status.rotation and status.rotation.is_under_way else "",
        }
        for tenant_id, name in tenants
        for status in [vault.list_key_status(kernel, actor=_actor(tenant_id))]
    ]
    if arguments.json:
        _print_json({"dry_run": True, "waits_for": processes, "tenants": plans})
        return 0
    print(f"Would wait for: {', '.join(processes) or 'nobody, nothing is running'}")
    for plan in plans:
        print(f"{plan['tenant']}: {plan['secrets']:,} secrets would be {verb}. Nothing was changed.")
    return 0


def _rewrap(kernel: Kernel, arguments: Namespace) -> int:
    result = vault.rewrap_keys(kernel, dry_run=arguments.dry_run)
    if arguments.json:
        _print_json({"dry_run": arguments.dry_run, **dataclasses.asdict(result)})
    elif arguments.dry_run:
        print(f"{result.left:,} data keys would be wrapped with {result.kek_id}. Nothing was changed.")
    else:
        print(f"{result.rewrapped:,} data keys wrapped with {result.kek_id}, {result.left:,} left with another key.")
        if not result.left:
            print("No data key needs the other key-encryption keys any more; backups from before still do.")
    for words in result.waiting_for if not arguments.json else ():
        print(f"  waiting for {words}")
    return 0 if arguments.dry_run or not result.left else 1


def _describe(status: KeyStatusView) -> str:
    rotation = status.rotation
    if rotation is None:
        return ""
    words = [rotation.words]
    if rotation.is_under_way:
        words.append(f"{rotation.rows_done:,} of {rotation.rows_total:,} done, {rotation.rows_left:,} left.")
    if rotation.kept_until:
        words.append(f"Destroyed on {rotation.kept_until:%Y-%m-%d}.")
    return " ".join([*words, *rotation.waiting_for, rotation.problem]).strip()


def _can_revert(kernel: Kernel, tenant_id: UUID) -> bool:
    rotation = vault.list_key_status(kernel, actor=_actor(tenant_id)).rotation
    return rotation is not None and rotation.can_revert


def _tenants(kernel: Kernel, wanted: str) -> Sequence[tuple[UUID, str]]:
    """Return (id, name) of the companies that are meant.

    Raises:
        NotFound: there is no such company.
    """
    tenants = vault.list_tenant_names(kernel)
    found = [tenant for tenant in tenants if not wanted or wanted in (str(tenant[0]), tenant[1])]
    if wanted and not found:
        raise NotFound(f"There is no company “{wanted}”. `patchbay keys status` lists them.")
    return found


def _actor(tenant_id: UUID) -> Actor:
    return system_actor(tenant_id, _LABEL)


def _print_json(answer: dict[str, object]) -> None:
    print(json.dumps(answer, default=_plain))


def _plain(value: object) -> object:
    return dataclasses.asdict(value) if isinstance(value, _RECORDS) else str(value)


ERRANDS: Mapping[str, Callable[[Kernel, Namespace], int]] = MappingProxyType(
    {"status": show_status, "rotate": rotate_keys, "revert": revert_keys, "destroy": destroy_keys}
)
"""What each sub-command does; its answer is the exit code."""
