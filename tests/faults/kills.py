"""F1 to F4, F9 and F21: processes end, at any moment and at the worst ones."""

import base64
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import psutil
import psycopg

from tests.faults.rig import IS_WHOLE, PATIENCE, RATE, Rig
from tests.support.product import STOP_SECONDS, Product, eventually

WORKERS = ("worker-1", "worker-2")
_TAKEN_OR_NOTHING = {200, None}
_DEPLOY_RATE, _DEPLOY_EVENTS = (RATE, 1_000) if IS_WHOLE else (5.0, 200)
"""They outlast a deploy."""


def kill_web(rig: Rig) -> None:
    """F1: kill -9 in the midst of a burst; the line is open again within 5 s."""
    for _ in rig.rounds(quick=1, whole=20):
        with rig.load():
            rig.await_accepted()
            rig.product.kill("web")
            rig.recovers(within=5, what="a webhook line that takes events", done=rig.takes_events)
        rig.recovers(within=30)
    assert rig.statuses().keys() <= _TAKEN_OR_NOTHING, f"a provider was told something else: {rig.statuses()}"


def kill_worker(rig: Rig) -> None:
    """F2: kill -9 at random, inside the send window, and inside a transaction."""
    rounds = rig.rounds(quick=1, whole=15)
    moments = [kill_at_random, kill_at_random, kill_in_send_window, kill_in_send_window, kill_in_transaction]
    for _ in rounds:
        rig.rng.shuffle(moments)
        for kill in moments:
            kill(rig)
            if IS_WHOLE:
                rig.recovers(within=30)


def kill_at_random(rig: Rig) -> None:
    """Kill one worker in the midst of the work."""
    with rig.load():
        rig.ask(20)
        rig.await_answered()
        rig.product.kill(rig.rng.choice(WORKERS))


def kill_in_send_window(rig: Rig) -> None:
    """Kill the workers when a provider has accepted an answer and nobody has been told: the ambiguous moment."""
    service, method = rig.rng.choice([("slack", "chat.postMessage"), ("twilio", "messages.create")])
    rig.product.sandbox.fail(service, "accept_then_hang", method=method, seconds=30)
    rig.ask(14)
    eventually(lambda: not rig.product.sandbox.pending_faults(), what="a call that hangs")
    rig.product.kill(*WORKERS)


def kill_in_transaction(rig: Rig) -> None:
    """Kill the workers while a turn, or what comes before it, waits to write into a locked table."""
    with locked(rig.product, "message", mode="SHARE ROW EXCLUSIVE") as blocked:
        rig.ask(14)
        eventually(blocked, what="a worker that waits for the lock")
        rig.product.kill(*WORKERS)


@contextmanager
def locked(product: Product, table: str, *, mode: str) -> Generator[Callable[[], bool]]:
    """Lock a table; yields the condition that somebody waits for it."""
    with psycopg.connect(product.database_url()) as lock, psycopg.connect(product.database_url()) as look:
        look.autocommit = True
        lock.execute(f"LOCK TABLE {table} IN {mode} MODE".encode())
        yield lambda: look.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is not None
        lock.rollback()


def kill_everything(rig: Rig) -> None:
    """F3: everything at once, and started again."""
    for _ in rig.rounds(quick=1, whole=5):
        rig.ask(60)
        rig.await_answered()
        rig.product.kill_everything()
        rig.product.start()
        rig.recovers(within=60)


def deploy(rig: Rig) -> None:
    """F4: SIGTERM under load, to one process after the other and then to all: nobody is told that it went wrong."""
    for _ in rig.rounds(quick=1, whole=5):
        with rig.load(rate=_DEPLOY_RATE, most=_DEPLOY_EVENTS):
            began, ended = restart_all(rig)
        rig.recovers(within=10)
        lonely = [item for item in rig.attempts() if item.is_refused and not began <= item.ended <= ended]
        assert not lonely, f"{len(lonely)} events met a closed door while the web process was there"
        rig.note("web", f"away for {ended - began:.1f} s")
    with rig.load(rate=_DEPLOY_RATE, most=_DEPLOY_EVENTS, letters=False):
        rig.await_answered()
        rig.product.stop(seconds=STOP_SECONDS * PATIENCE)
        rig.product.start()
        rig.await_accepted()
    rig.recovers(within=10)
    assert rig.statuses().keys() <= _TAKEN_OR_NOTHING, f"a provider was told something else: {rig.statuses()}"


def restart_all(rig: Rig) -> tuple[float, float]:
    """Restart the product's own processes, one after the other; return when the web process went and was back."""
    moments: dict[str, tuple[float, float]] = {}
    for name in ("web", *WORKERS, "scheduler"):
        rig.await_accepted()
        old, began = rig.product.children[name], time.monotonic()
        old.terminate()
        eventually(lambda old=old: not old.is_running(), what=f"the end of {name}", seconds=10 * PATIENCE)
        eventually(lambda name=name: name in rig.product.children, what=f"a new {name}")
        rig.product.await_ready()
        moments[name] = began, time.monotonic()
    return moments["web"]


def restart_database(rig: Rig) -> None:
    """F9: PostgreSQL ends without a word to anybody; providers are told to try again, and no other process ends."""
    for place in rig.rounds(quick=1, whole=5):
        others = {name: child.pid for name, child in rig.product.children.items() if name != "postgres"}
        with rig.load(letters=False):
            rig.await_answered()
            with rig.product.no_restarts():
                _end_database(rig, by_kill=place % 2 == 0)
                rig.ask(10)
                eventually(lambda: 503 in rig.statuses(), what="a 503 to a provider")
        rig.recovers(within=15)
        now = {name: child.pid for name, child in rig.product.children.items() if name != "postgres"}
        assert now == others, "a process had to be started again"
    assert rig.statuses().keys() <= {200, 503, None}, f"a provider was told something else: {rig.statuses()}"
    assert all(item.retry_after for item in rig.attempts() if item.status == 503), "a 503 without Retry-After"


def _end_database(rig: Rig, *, by_kill: bool) -> None:
    if by_kill:
        rig.product.kill("postgres")
    else:
        rig.product.children["postgres"].send_signal(signal.SIGQUIT)  # as ``pg_ctl stop -m immediate`` does
        eventually(lambda: "postgres" not in rig.product.children, what="the end of PostgreSQL")


def rotate_keys(rig: Rig) -> None:
    """F21: a new data key for everybody while the web process is killed; the rotation itself is cut off and resumes."""
    with rig.load():
        rig.await_accepted()
        rotation = rig.product.spawn_command("keys", "rotate", "--json")
        rig.await_answered()
        rig.product.kill("web")
        rig.await_answered()
        _kill(rotation)
        rig.product.kill(*WORKERS)
        said = rig.product.run_command("keys", "rotate", "--json")
    rig.recovers(within=60)
    assert '"left_on_old_key": 0' in said, said
    if IS_WHOLE:
        with rig.load():
            exchange_outer_key(rig)
        rig.recovers(within=60)


def exchange_outer_key(rig: Rig) -> None:
    """Exchange the key-encryption key as the guide says: in front of the old one, wrap anew, take the old one out."""
    file = rig.product.data_dir / "key"
    old, new = file.read_text(), base64.b64encode(secrets.token_bytes(32)).decode()
    file.write_text(f"{new}\n{old}")
    restart_all(rig)
    said = rig.product.run_command("keys", "rotate", "--kek")
    file.write_text(f"{new}\n")
    restart_all(rig)
    rig.renew_kernel()
    assert rig.takes_events(), said


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        psutil.Process(child.pid).kill()
    child.wait()
