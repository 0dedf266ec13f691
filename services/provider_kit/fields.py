"""The field schema: one description draws the form, validates what was typed, and masks what is secret."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.kernel.errors import InvalidInput
from services.kernel.secret import Secret

_LIKE_A_NAME = re.compile(r"[a-z]{2,20}(?:_[a-z]{2,20}){0,3}")


class FieldKind(StrEnum):
    """How a field is drawn."""

    TEXT = "text"
    SECRET = "secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value a tenant types when connecting."""

    name: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    help: str = ""
    """Where to find the value at the provider."""
    placeholder: str = ""
    pattern: str = ""
    """The whole value must match it; shown in words by ``pattern_hint``."""
    pattern_hint: str = ""
    required: bool = True
    max_length: int = 512

    @property
    def is_secret(self) -> bool:
        """Whether the value belongs in the vault."""
        return self.kind is FieldKind.SECRET


@dataclass(frozen=True, slots=True)
class FieldValues:
    """Checked values, the secret ones wrapped."""

    settings: Mapping[str, str]
    secrets: Mapping[str, Secret]


def validate(fields: Sequence[Field], values: Mapping[str, object]) -> FieldValues:
    """Check typed values against their fields.

    Raises:
        InvalidInput: names the first field that is wrong and says what it must look like.
    """
    known = {field.name for field in fields}
    for name in values:
        if name not in known:
            expected = ", ".join(sorted(known)) or "none"
            # What does not look like a name may be a secret in the wrong place: it is not repeated.
            shown = name if _LIKE_A_NAME.fullmatch(name) else ""
            raise InvalidInput(f"There is no field “{shown or '…'}”; expected: {expected}.", field=shown)
    checked = {field.name: _check(field, values.get(field.name)) for field in fields}
    return FieldValues(
        settings={field.name: checked[field.name] for field in fields if not field.is_secret},
        secrets={
            field.name: Secret(checked[field.name]) for field in fields if field.is_secret and checked[field.name]
        },
    )


def _check(field: Field, value: object) -> str:
    if value is None or value == "":
        if field.required:
            raise InvalidInput(f"{field.label} is missing. {field.help}".strip(), field=field.name)
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"{field.label} must be text.", field=field.name)
    text = value.strip()
    if not text:
        return _check(field, None)
    if len(text) > field.max_length:
        raise InvalidInput(f"{field.label} is longer than {field.max_length} characters.", field=field.name)
    if not text.isprintable():
        raise InvalidInput(f"{field.label} contains invisible characters; copy it again.", field=field.name)
    if field.pattern and not re.fullmatch(field.pattern, text):
        hint = field.pattern_hint or "Check that you copied the whole value."
        raise InvalidInput(f"{field.label} does not look right. {hint}", field=field.name)
    return text


def mask(secret: Secret) -> str:
    """Return what may be shown of a stored secret: that it is set, and how it ends."""
    return f"set, ends in …{secret.ending()}"
