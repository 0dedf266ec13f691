"""The vault opens a value only where it was sealed, with the key that sealed it."""

import dataclasses
import os
import pickle
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.errors import PatchbayError
from services.kernel.ids import new_id
from services.kernel.secret import Secret
from services.kernel.vault import (
    DataKey,
    KeyEncryptionKey,
    KeyEncryptionRing,
    Place,
    VaultError,
    open_sealed,
    reseal,
    seal,
    sealed_key_id,
)

CANARY = "canary-7f3a91d2"
PLACE = Place(new_id(), "credential", "sealed", new_id())
KEY = DataKey.generate()


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


def test_a_resealed_value_opens_with_the_new_key_only_and_in_its_place_only() -> None:
    new = DataKey.generate()
    moved = reseal(seal(Secret(CANARY), key=KEY, place=PLACE), old=KEY, new=new, place=PLACE)
    assert sealed_key_id(moved) == new.id
    assert open_sealed(moved, key=new, place=PLACE).reveal() == CANARY
    for key, place in ((KEY, PLACE), (new, dataclasses.replace(PLACE, row_id=new_id()))):
        with pytest.raises(VaultError):
            open_sealed(moved, key=key, place=place)


def test_a_value_is_not_resealed_for_a_place_it_does_not_belong_to() -> None:
    sealed = seal(Secret(CANARY), key=KEY, place=PLACE)
    with pytest.raises(VaultError):
        reseal(sealed, old=KEY, new=DataKey.generate(), place=dataclasses.replace(PLACE, row_id=new_id()))


def test_a_ring_wraps_with_its_first_key_and_unwraps_by_exact_id() -> None:
    old, new = KeyEncryptionKey(os.urandom(32)), KeyEncryptionKey(os.urandom(32))
    ring, tenant_id = KeyEncryptionRing([new, old, new]), new_id()
    assert ring.ids == (new.id, old.id) and ring.id == new.id
    fresh = ring.wrap(KEY.reveal(), tenant_id=tenant_id, key_id=KEY.id)
    for wrapped, kek in ((fresh, new), (old.wrap(KEY.reveal(), tenant_id=tenant_id, key_id=KEY.id), old)):
        assert ring.unwrap(wrapped, tenant_id=tenant_id, key_id=KEY.id, kek_id=kek.id) == KEY.reveal()
    with pytest.raises(VaultError):
        ring.unwrap(fresh, tenant_id=tenant_id, key_id=KEY.id, kek_id=old.id)
    with pytest.raises(VaultError, match="PATCHBAY_KEY"):
        ring.unwrap(fresh, tenant_id=tenant_id, key_id=KEY.id, kek_id="00000000")


def test_a_ring_shows_ids_only_and_is_never_empty() -> None:
    ring = KeyEncryptionRing([KeyEncryptionKey(os.urandom(32))])
    assert repr(ring) == f"<KeyEncryptionRing {ring.id}>"
    with pytest.raises(TypeError):
        pickle.dumps(ring)
    with pytest.raises(VaultError):
        KeyEncryptionRing([])
