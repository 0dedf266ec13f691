"""Key-encryption keys come from the environment, a command or a file, and only if they were drawn at random."""

import base64
import multiprocessing
import os
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.kernel.errors import ConfigurationError
from services.kernel.keyring import load_key_ring
from services.kernel.settings import Settings
from services.kernel.vault import KeyEncryptionKey, KeyEncryptionRing

RANDOM_KEY = base64.b64encode(os.urandom(32)).decode()
OTHER_KEY = base64.b64encode(os.urandom(32)).decode()


def from_environment(text: str, tmp_path: Path) -> KeyEncryptionRing:
    return load_key_ring(Settings(data_dir=tmp_path, key=SecretStr(text)))


def test_the_environment_wins_and_leaves_no_file(tmp_path: Path) -> None:
    key = from_environment(f" {RANDOM_KEY}\n", tmp_path)
    assert key.id == KeyEncryptionKey(base64.b64decode(RANDOM_KEY)).id
    assert key.id == from_environment(base64.urlsafe_b64encode(base64.b64decode(RANDOM_KEY)).decode(), tmp_path).id
    assert list(tmp_path.iterdir()) == []


MADE_UP_KEYS = [
    "short",
    "not base64 at all!",
    "é" * 44,
    base64.b64encode(os.urandom(31)).decode(),
    base64.b64encode(os.urandom(33)).decode(),
    os.urandom(32).hex(),
    f"{RANDOM_KEY}{RANDOM_KEY}",
    base64.b64encode(bytes(32)).decode(),
    base64.b64encode(b"\xff" * 32).decode(),
    base64.b64encode(bytes(range(32))).decode(),
    base64.b64encode(bytes(range(0, 96, 3))).decode(),
    base64.b64encode(bytes(range(255, 223, -1))).decode(),
    base64.b64encode(os.urandom(16) * 2).decode(),
    base64.b64encode(os.urandom(4) * 8).decode(),
    base64.b64encode(b"change me to a better secret !!!").decode(),
    base64.b64encode(b"0123456789abcdef0123456789ABCDEF").decode(),
]


@pytest.mark.parametrize("text", MADE_UP_KEYS, ids=range(len(MADE_UP_KEYS)))
def test_short_and_made_up_keys_are_refused_without_being_shown(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        from_environment(text, tmp_path)
    assert "PATCHBAY_KEY" in str(caught.value) and "urandom" in str(caught.value)
    assert text not in str(caught.value)


def test_random_keys_are_never_taken_for_made_up_ones(tmp_path: Path) -> None:
    for _ in range(500):
        from_environment(base64.b64encode(os.urandom(32)).decode(), tmp_path)


def test_the_first_start_creates_the_file_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new" / "data")
    old = os.umask(0)
    try:
        first = load_key_ring(settings)
    finally:
        os.umask(old)
    path = tmp_path / "new" / "data" / "key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["key"]
    assert load_key_ring(settings).id == first.id
    assert len(base64.b64decode(path.read_bytes())) == 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601, 0o777])
def test_a_file_that_others_may_touch_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(RANDOM_KEY)
    path.chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        load_key_ring(Settings(data_dir=tmp_path))
    assert f"chmod 600 {path}" in str(caught.value)
    path.chmod(0o600)
    load_key_ring(Settings(data_dir=tmp_path))


def test_a_file_the_operator_named_is_read_and_never_created(tmp_path: Path) -> None:
    path = tmp_path / "mounted"
    settings = Settings(data_dir=tmp_path / "data", key_file=path)
    with pytest.raises(ConfigurationError) as caught:
        load_key_ring(settings)
    assert "PATCHBAY_KEY_FILE" in str(caught.value) and not path.exists()
    (tmp_path / "target").write_text(RANDOM_KEY + "\n")
    (tmp_path / "target").chmod(0o400)
    path.symlink_to(tmp_path / "target")  # the way Kubernetes mounts secrets
    assert load_key_ring(settings).id == KeyEncryptionKey(base64.b64decode(RANDOM_KEY)).id


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\xff\xfe", RANDOM_KEY.encode()[:20], b"A" * 10_000],
    ids=["empty", "blank", "binary", "cut off", "too long"],
)
def test_a_damaged_file_is_refused_and_kept(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError) as caught:
        load_key_ring(Settings(data_dir=tmp_path))
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(ConfigurationError):
        load_key_ring(Settings(data_dir=tmp_path))


def test_a_data_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError) as caught:
        load_key_ring(Settings(data_dir=tmp_path / "file" / "data"))
    assert "PATCHBAY_KEY" in str(caught.value)


def load_id(folder: str) -> str:
    return load_key_ring(Settings(data_dir=Path(folder))).id


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.map(abs, range(3))  # all started before the race
        for round_number in range(5):
            ids = pool.map(load_id, [str(tmp_path / str(round_number))] * 12, chunksize=1)
            assert len(set(ids)) == 1


def kek_id(text: str) -> str:
    return KeyEncryptionKey(base64.b64decode(text)).id


def test_several_keys_make_a_ring_with_the_first_in_front(tmp_path: Path) -> None:
    expected = (kek_id(RANDOM_KEY), kek_id(OTHER_KEY))
    assert from_environment(f"{RANDOM_KEY},{OTHER_KEY}", tmp_path).ids == expected
    path = tmp_path / "key"
    path.write_text(f"# since spring\n{RANDOM_KEY}\n\n{OTHER_KEY}  # until all is wrapped anew\n")
    path.chmod(0o600)
    assert load_key_ring(Settings(data_dir=tmp_path)).ids == expected


def from_command(command: str, tmp_path: Path) -> KeyEncryptionRing:
    return load_key_ring(Settings(data_dir=tmp_path, key_command=SecretStr(command)))


def test_a_command_prints_the_keys_and_leaves_no_file(tmp_path: Path) -> None:
    assert from_command(f"printf '%s\\n' {RANDOM_KEY} {OTHER_KEY}", tmp_path).ids == (
        kek_id(RANDOM_KEY),
        kek_id(OTHER_KEY),
    )
    assert list(tmp_path.iterdir()) == []


def test_a_command_runs_without_a_shell(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        from_command(f"printf %s {RANDOM_KEY} > {tmp_path / 'made'}", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("false", "exit code 1"),
        ("/does/not/exist", "could not be started"),
        ("printf 'open quote", "quotes"),
        ("printf ''", "32 bytes"),
        ("printf canary-not-a-key", "32 bytes"),
    ],
)
def test_a_command_that_gives_no_key_says_so_without_what_it_printed(
    command: str, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="PATCHBAY_KEY_COMMAND") as caught:
        from_command(command, tmp_path)
    assert problem in str(caught.value) and "canary" not in str(caught.value)
    assert caught.value.__context__ is None or "canary" not in str(caught.value.__context__)


def test_the_environment_wins_over_the_command(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, key=SecretStr(RANDOM_KEY), key_command=SecretStr("false"))
    assert load_key_ring(settings).id == kek_id(RANDOM_KEY)
