"""The console script ``patchbay``: one sub-command per process and per errand."""

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from pydantic import ValidationError

from services.kernel.errors import ConfigurationError, Conflict, PatchbayError
from services.kernel.log import configure_logging
from services.kernel.settings import Settings

Arguments = argparse.Namespace


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command and return the exit code: 0 done, 1 refused, 2 not set up as it must be."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.action(arguments)
    except ConfigurationError as error:
        print(f"patchbay: {error}", file=sys.stderr)
        return 2
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            name = "_".join(str(part) for part in problem["loc"]).upper()
            print(f"patchbay: {f'PATCHBAY_{name}: ' if name else ''}{problem['msg']}", file=sys.stderr)
        return 2
    except PatchbayError as error:
        print(f"patchbay: {error.message}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="patchbay", description="Wire AI agents to the channels people use.")
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, action: Callable[[Arguments], int], summary: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=summary, description=summary)
        command.set_defaults(action=action)
        return command

    run = add("run", _run, "Start everything on this machine and watch over it.")
    run.add_argument("--began", type=float, default=0.0, help=argparse.SUPPRESS)
    web = add("web", _web, "Serve pages, API and webhooks.")
    web.add_argument("--only", choices=["webhooks"], help="serve only this part")
    worker = add("worker", _worker, "Run the jobs that webhooks and people cause.")
    worker.add_argument("--number", default="", help=argparse.SUPPRESS)
    add("scheduler", _scheduler, "Sweep for work that nobody was woken for; run exactly one.")
    add("sandbox", _sandbox, "Play the providers on this machine; never in production.")
    migrate = add("migrate", _migrate, "Bring the database up to date.")
    migrate.add_argument(
        "--setup-link", action="store_true", help="also make a one-time set-up link if nobody has an account yet"
    )
    migrate.add_argument("--json", action="store_true", help="answer in JSON")
    bootstrap = add("bootstrap", _bootstrap, "Create the first owner, a tenant and an API key, for automation.")
    bootstrap.add_argument("--email", required=True, help="the owner's address")
    bootstrap.add_argument("--tenant", required=True, help="the tenant's name")
    bootstrap.add_argument("--json", action="store_true", help="answer in JSON")
    _add_keys_commands(add("keys", _keys, "Look at keys, exchange them, take the way back."))
    _add_deliveries_commands(add("deliveries", _deliveries, "Replay webhooks: process, draft or send again."))
    link = add("sign-in-link", _sign_in_link, "Print a link that signs a person in once.")
    link.add_argument("--email", required=True, help="the person's address")
    link.add_argument("--json", action="store_true", help="answer in JSON")
    doctor = add("doctor", _doctor, "Look whether everything is set up as it must be; changes nothing.")
    doctor.add_argument("--json", action="store_true", help="answer in JSON")
    provider = add("new-provider", _new_provider, "Write the files of a new provider, with tests that pass.")
    provider.add_argument("slug", help="lower case letters, digits and underscores, such as discord")
    return parser


def _add_keys_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="errand", required=True, metavar="command")

    def add(name: str, summary: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument("--json", action="store_true", help="answer in JSON")
        command.add_argument("--tenant", default="", help="only this company: its id, or its name")
        return command

    add("status", "Show keys, how many secrets each has sealed, and rotations.")
    rotate = add("rotate", "Give every company a new data key, while everything goes on.")
    rotate.add_argument("--kek", action="store_true", help="wrap data keys with the first key-encryption key instead")
    revert = add("revert", "Take the way back to the data key before.")
    for command in (rotate, revert):
        command.add_argument("--dry-run", action="store_true", help="only say what would be done")
    destroy = add("destroy", "Destroy keys that are switched off, before their time.")
    destroy.add_argument("--yes", action="store_true", help="really: there is no way back")


def _add_deliveries_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="errand", required=True, metavar="command")
    summary = "Process, draft or send again: one delivery, or all that have something in common."
    replay = commands.add_parser("replay", help=summary, description=summary)
    replay.add_argument("--tenant", required=True, help="the company: its id, or its name")
    replay.add_argument("--kind", choices=["process", "rehearse", "send"], default="process", help="what to do again")
    replay.add_argument("--reason", default="", help="why, for the audit log; needed unless it is a dry run")
    replay.add_argument("--delivery", default="", help="only this one, by its id")
    replay.add_argument("--connection", default="", help="only this connection's, by its id")
    for name in ("state", "provider", "cause", "event-type"):
        replay.add_argument(f"--{name}", default="", help=f"only those with this {name.replace('-', ' ')}")
    for name, words in (("since", "then or later"), ("until", "before then")):
        replay.add_argument(f"--{name}", default="", help=f"only those received {words}: 2026-03-01T09:00:00Z")
    replay.add_argument("--may-double", action="store_true", help="also send what may have arrived already")
    replay.add_argument("--dry-run", action="store_true", help="only say what would be done")
    replay.add_argument("--json", action="store_true", help="answer in JSON")


# Processes


def _run(arguments: Arguments) -> int:
    from workers.runtime import supervisor

    settings = _settings("run")
    supervisor.run(settings, began=arguments.began or time.time())
    return 0


def _web(arguments: Arguments) -> int:
    from workers.runtime import web

    only_webhooks = arguments.only == "webhooks"
    with _beside_running_product():
        web.run(_settings("webhooks" if only_webhooks else "web"), only_webhooks=only_webhooks)
    return 0


def _worker(arguments: Arguments) -> int:
    with _beside_running_product():
        settings = _settings(f"worker-{arguments.number}" if arguments.number else "worker")
        from workers.runtime import worker

        worker.run(settings)
    return 0


def _scheduler(_arguments: Arguments) -> int:
    with _beside_running_product():
        settings = _settings("scheduler")
        from workers.runtime import scheduler

        scheduler.run(settings)
    return 0


def _sandbox(_arguments: Arguments) -> int:
    from workers.runtime import web

    web.run_sandbox(_settings("sandbox"))
    return 0


# Errands


def _migrate(arguments: Arguments) -> int:
    from workers.runtime import migration

    with _beside_running_product(or_start_servers=True):
        settings = _settings("migrate")
        revision = migration.upgrade(settings)
        setup_link = ""
        if arguments.setup_link:
            from services import tenants
            from services.kernel.kernel import build_kernel

            with contextlib.suppress(Conflict):  # somebody has an account: there is nothing to set up
                setup_link = tenants.create_setup_link(build_kernel(settings))
    _answer({"revision": revision, "setup_link": setup_link}, as_json=arguments.json)
    return 0


def _bootstrap(arguments: Arguments) -> int:
    with _beside_running_product(or_start_servers=True):
        settings = _settings("bootstrap")
        from services import tenants
        from services.kernel.kernel import build_kernel

        result = tenants.bootstrap(build_kernel(settings), email=arguments.email, tenant=arguments.tenant)
    answer = {
        "tenant_id": str(result.tenant_id),
        "user_id": str(result.user_id),
        "api_key": result.api_key.reveal(),
        "sign_in_link": result.sign_in_link,
    }
    _answer(answer, as_json=arguments.json)
    return 0


def _keys(arguments: Arguments) -> int:
    with _beside_running_product(or_start_servers=True):
        settings = _settings("keys")
        from services.kernel.kernel import build_kernel
        from services.vault import require_usable_keys
        from workers.runtime.keys import ERRANDS

        kernel = build_kernel(settings)
        try:
            require_usable_keys(kernel)
            return ERRANDS[arguments.errand](kernel, arguments)
        finally:
            kernel.close()


def _deliveries(arguments: Arguments) -> int:
    with _beside_running_product():
        settings = _settings("deliveries")
        from services.kernel.kernel import build_kernel
        from workers.runtime.deliveries import replay_deliveries

        kernel = build_kernel(settings)
        try:
            return replay_deliveries(kernel, arguments)
        finally:
            kernel.close()


def _sign_in_link(arguments: Arguments) -> int:
    with _beside_running_product(or_start_servers=True):
        settings = _settings("sign-in-link")
        from services import tenants
        from services.kernel.kernel import build_kernel

        link = tenants.create_sign_in_link(build_kernel(settings), email=arguments.email)
    _answer({"sign_in_link": link}, as_json=arguments.json)
    return 0


def _doctor(arguments: Arguments) -> int:
    with _beside_running_product():
        settings = _settings("doctor")
        from workers.runtime.doctor import examine

        return examine(settings, as_json=arguments.json)


def _new_provider(arguments: Arguments) -> int:
    from services.devtools import scaffold

    for path in scaffold.create_provider(arguments.slug, root=Path.cwd()):
        print(path)
    return 0


def _settings(process: str) -> Settings:
    settings = Settings()
    configure_logging(settings, process=process)
    return settings


@contextlib.contextmanager
def _beside_running_product(*, or_start_servers: bool = False) -> Generator[None]:
    """Make the addresses of a product that runs on this data folder ours; what the environment sets wins.

    Args:
        or_start_servers: start the embedded servers for this command if nothing runs and no address is set.
    """
    from workers.runtime import data_folder

    settings = Settings()
    if settings.database_url and settings.redis_url:
        yield
        return
    running = data_folder.find_running(settings.data_dir)
    if running is not None:
        _adopt(dict(running.environment))
        yield
    elif or_start_servers:
        from workers.runtime.embedded import embedded_servers

        with embedded_servers(settings.data_dir) as urls:
            _adopt(
                {
                    "PATCHBAY_DATABASE_URL": urls.database_url,
                    "PATCHBAY_DATABASE_OWNER_URL": urls.database_owner_url,
                    "PATCHBAY_REDIS_URL": urls.redis_url,
                }
            )
            yield
    else:
        raise ConfigurationError(
            "PATCHBAY_DATABASE_URL and PATCHBAY_REDIS_URL are not set, and no `patchbay run` is running on "
            f"{settings.data_dir.absolute()}. Start it, or set both."
        )


def _adopt(environment: dict[str, str]) -> None:
    # The one place that writes the environment: before settings are read, in a process that does one errand.
    for name, value in environment.items():
        if not os.environ.get(name):
            os.environ[name] = value


def _answer(result: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        if value:
            print(f"{name.replace('_', ' ')}: {value}")


if __name__ == "__main__":
    sys.exit(main())
