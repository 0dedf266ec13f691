"""The vault opens a value only where it was sealed, with the key that sealed it."""

import base64
import dataclasses
import multiprocessing
import os
import pickle
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.kernel.errors import ConfigurationError, PatchbayError
from services.kernel.ids import new_id
from services.kernel.secret import Secret
from services.kernel.settings import Settings
from services.kernel.vault import (
    DataKey,
    KeyEncryptionKey,
    Place,
    VaultError,
    load_key_encryption_key,
    open_sealed,
    seal,
    sealed_key_id,
)

CANARY = "canary-7f3a91d2"
PLACE = Place(new_id(), "credential", "sealed", new_id())
KEY = DataKey.generate()
RANDOM_KEY = base64.b64encode(os.urandom(32)).decode()


@given(st.text())
def test_what_is_sealed_opens_in_its_place(text: str) -> None:
    sealed = seal(Secret(text), key=KEY, place=PLACE)
    assert open_sealed(sealed, key=KEY, place=PLACE).reveal() == text


def test_the_format_is_format_key_id_nonce_and_ciphertext_with_tag() -> None:
    sealed = seal(Secret(CANARY), key=KEY, place=PLACE)
    assert sealed[:1] == b"\x01" and sealed[1:17] == KEY.id.bytes
    assert len(sealed) == 1 + 16 + 12 + len(CANARY) + 16
    assert sealed_key_id(sealed) == KEY.id
    assert CANARY.encode() not in sealed


def test_the_same_secret_never_seals_to_the_same_bytes() -> None:
    sealed = {seal(Secret(CANARY), key=KEY, place=PLACE) for _ in range(100)}
    assert len({value[17:29] for value in sealed}) == 100


@pytest.mark.parametrize(
    "moved",
    [
        dataclasses.replace(PLACE, tenant_id=new_id()),
        dataclasses.replace(PLACE, table="other"),
        dataclasses.replace(PLACE, column="other"),
        dataclasses.replace(PLACE, row_id=new_id()),
    ],
)
def test_a_value_moved_anywhere_else_does_not_open(moved: Place) -> None:
    sealed = seal(Secret(CANARY), key=KEY, place=PLACE)
    with pytest.raises(VaultError):
        open_sealed(sealed, key=KEY, place=moved)


def test_table_and_column_cannot_be_shifted_into_one_another() -> None:
    sealed = seal(Secret(CANARY), key=KEY, place=Place(PLACE.tenant_id, "ab", "c", PLACE.row_id))
    with pytest.raises(VaultError):
        open_sealed(sealed, key=KEY, place=Place(PLACE.tenant_id, "a", "bc", PLACE.row_id))


def test_every_flipped_bit_is_found() -> None:
    sealed = seal(Secret("ab"), key=KEY, place=PLACE)
    for position in range(len(sealed) * 8):
        damaged = bytearray(sealed)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(VaultError):
            open_sealed(bytes(damaged), key=KEY, place=PLACE)


def test_every_cut_and_every_extension_is_found() -> None:
    sealed = seal(Secret("ab"), key=KEY, place=PLACE)
    for damaged in [*(sealed[:length] for length in range(len(sealed))), sealed + b"\0", sealed * 2]:
        with pytest.raises(VaultError):
            open_sealed(damaged, key=KEY, place=PLACE)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_with_the_vaults_own_error(data: bytes) -> None:
    with pytest.raises(VaultError):
        open_sealed(data, key=KEY, place=PLACE)


def test_another_key_does_not_open_even_under_the_same_id() -> None:
    sealed = seal(Secret(CANARY), key=KEY, place=PLACE)
    for other in (DataKey.generate(), DataKey(KEY.id, os.urandom(32)), DataKey(new_id(), KEY.reveal())):
        with pytest.raises(VaultError):
            open_sealed(sealed, key=other, place=PLACE)


def test_a_value_renamed_to_another_key_id_does_not_open() -> None:
    sealed = seal(Secret(CANARY), key=KEY, place=PLACE)
    twin = DataKey(new_id(), KEY.reveal())
    with pytest.raises(VaultError):
        open_sealed(sealed[:1] + twin.id.bytes + sealed[17:], key=twin, place=PLACE)


def test_text_that_utf8_cannot_hold_is_refused_without_being_shown() -> None:
    with pytest.raises(VaultError) as caught:
        seal(Secret(f"{CANARY}\ud800"), key=KEY, place=PLACE)
    assert caught.value.__context__ is None and CANARY not in str(caught.value)


def test_vault_errors_are_not_swallowed_with_those_of_services() -> None:
    assert not issubclass(VaultError, PatchbayError)


def show_pickled(key: object) -> object:
    return pickle.dumps(key)


@pytest.mark.parametrize("show", [repr, str, "{}".format, show_pickled])
def test_a_data_key_refuses_to_be_shown_or_pickled(show: Callable[[object], object]) -> None:
    with pytest.raises(TypeError):
        show(DataKey.generate())


def test_a_key_encryption_key_shows_its_id_only_and_refuses_pickle() -> None:
    value = os.urandom(32)
    key = KeyEncryptionKey(value)
    assert repr(key) == str(key) == f"<KeyEncryptionKey {key.id}>"
    assert len(key.id) == 8 and key.id not in value.hex()
    assert KeyEncryptionKey(value).id == key.id != KeyEncryptionKey(os.urandom(32)).id
    with pytest.raises(TypeError):
        pickle.dumps(key)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_keys_have_exactly_32_bytes(size: int) -> None:
    with pytest.raises(VaultError):
        DataKey(new_id(), bytes(size))
    with pytest.raises(VaultError):
        KeyEncryptionKey(bytes(size))


def test_a_data_key_unwraps_for_its_tenant_and_id_only() -> None:
    kek, tenant_id = KeyEncryptionKey(os.urandom(32)), new_id()
    wrapped = kek.wrap(KEY.reveal(), tenant_id=tenant_id, key_id=KEY.id)
    assert kek.unwrap(wrapped, tenant_id=tenant_id, key_id=KEY.id) == KEY.reveal()
    assert KEY.reveal() not in wrapped
    for other, tenant, key_id in (
        (kek, new_id(), KEY.id),
        (kek, tenant_id, new_id()),
        (KeyEncryptionKey(os.urandom(32)), tenant_id, KEY.id),
    ):
        with pytest.raises(VaultError):
            other.unwrap(wrapped, tenant_id=tenant, key_id=key_id)


def test_a_damaged_wrapped_key_is_found() -> None:
    kek, tenant_id = KeyEncryptionKey(os.urandom(32)), new_id()
    wrapped = kek.wrap(KEY.reveal(), tenant_id=tenant_id, key_id=KEY.id)
    for position in range(len(wrapped)):
        damaged = bytearray(wrapped)
        damaged[position] ^= 1
        with pytest.raises(VaultError):
            kek.unwrap(bytes(damaged), tenant_id=tenant_id, key_id=KEY.id)
        with pytest.raises(VaultError):
            kek.unwrap(wrapped[:position], tenant_id=tenant_id, key_id=KEY.id)


def from_environment(text: str, tmp_path: Path) -> KeyEncryptionKey:
    return load_key_encryption_key(Settings(data_dir=tmp_path, key=SecretStr(text)))


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
        first = load_key_encryption_key(settings)
    finally:
        os.umask(old)
    path = tmp_path / "new" / "data" / "key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["key"]
    assert load_key_encryption_key(settings).id == first.id
    assert len(base64.b64decode(path.read_bytes())) == 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601, 0o777])
def test_a_file_that_others_may_touch_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(RANDOM_KEY)
    path.chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        load_key_encryption_key(Settings(data_dir=tmp_path))
    assert f"chmod 600 {path}" in str(caught.value)
    path.chmod(0o600)
    load_key_encryption_key(Settings(data_dir=tmp_path))


def test_a_file_the_operator_named_is_read_and_never_created(tmp_path: Path) -> None:
    path = tmp_path / "mounted"
    settings = Settings(data_dir=tmp_path / "data", key_file=path)
    with pytest.raises(ConfigurationError) as caught:
        load_key_encryption_key(settings)
    assert "PATCHBAY_KEY_FILE" in str(caught.value) and not path.exists()
    (tmp_path / "target").write_text(RANDOM_KEY + "\n")
    (tmp_path / "target").chmod(0o400)
    path.symlink_to(tmp_path / "target")  # the way Kubernetes mounts secrets
    assert load_key_encryption_key(settings).id == KeyEncryptionKey(base64.b64decode(RANDOM_KEY)).id


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
        load_key_encryption_key(Settings(data_dir=tmp_path))
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(ConfigurationError):
        load_key_encryption_key(Settings(data_dir=tmp_path))


def test_a_data_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError) as caught:
        load_key_encryption_key(Settings(data_dir=tmp_path / "file" / "data"))
    assert "PATCHBAY_KEY" in str(caught.value)


def load_id(folder: str) -> str:
    return load_key_encryption_key(Settings(data_dir=Path(folder))).id


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.map(abs, range(3))  # all started before the race
        for round_number in range(5):
            ids = pool.map(load_id, [str(tmp_path / str(round_number))] * 12, chunksize=1)
            assert len(set(ids)) == 1
