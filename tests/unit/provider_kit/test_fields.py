"""The field schema: what a tenant types is checked, and what is secret is wrapped."""

import pytest

from services.kernel.errors import InvalidInput
from services.kernel.secret import Secret
from services.provider_kit.fields import Field, FieldKind, mask, validate

SID = Field(name="sid", label="Account SID", pattern="AC[0-9]{4}", pattern_hint="AC and four digits.")
TOKEN = Field(name="token", label="Token", kind=FieldKind.SECRET, help="In the console.")
NOTE = Field(name="note", label="Note", required=False, max_length=10)
FIELDS = (SID, TOKEN, NOTE)


def test_values_are_trimmed_and_secrets_wrapped() -> None:
    checked = validate(FIELDS, {"sid": " AC1234\n", "token": "canary-token"})

    assert checked.settings == {"sid": "AC1234", "note": ""}
    assert checked.secrets["token"].reveal() == "canary-token"
    with pytest.raises(TypeError):
        repr(checked)


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"token": "x"}, "sid", "Account SID is missing"),
        ({"sid": "AC1234", "token": "  "}, "token", "Token is missing. In the console."),
        ({"sid": "AC12345", "token": "x"}, "sid", "AC and four digits"),
        ({"sid": "AC1234", "token": "x", "note": "x" * 11}, "note", "longer than 10"),
        ({"sid": "AC1234", "token": "a\u200bb"}, "token", "invisible"),
        ({"sid": "AC1234", "token": "a\x00b"}, "token", "invisible"),
        ({"sid": 7, "token": "x"}, "sid", "must be text"),
        ({"sid": "AC1234", "token": "x", "role": "owner"}, "role", "There is no field"),
    ],
)
def test_what_is_wrong_is_named_and_never_repeated(values: dict[str, object], field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate(FIELDS, values)

    assert caught.value.field == field and words in caught.value.message
    assert "canary" not in caught.value.message


def test_a_mask_shows_only_the_end_of_a_long_secret() -> None:
    assert mask(Secret("0123456789abcdef")) == "set, ends in …cdef"
    assert "short" not in mask(Secret("short"))
