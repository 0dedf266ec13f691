"""What people type about an agent: trimmed, checked, and refused with words that help."""

from collections.abc import Sequence

from services.agents.views import AgentForm, PlaybookDraft
from services.kernel.errors import InvalidInput

MAX_NAME_CHARACTERS = 60
MAX_PURPOSE_CHARACTERS = 140
MAX_INSTRUCTIONS_CHARACTERS = 8_000
MAX_MODEL_CHARACTERS = 100
MAX_PLAYBOOK_ENTRIES = 200
MAX_QUESTION_CHARACTERS = 300
MAX_ANSWER_CHARACTERS = 3_000


def clean_form(form: AgentForm) -> AgentForm:
    """Return the form as it is stored.

    Raises:
        InvalidInput: a value is missing, too long or not text; ``field`` names it.
    """
    return AgentForm(
        name=_clean_line(form.name, field="name", noun="a name", limit=MAX_NAME_CHARACTERS, required=True),
        purpose=_clean_line(form.purpose, field="purpose", noun="the purpose", limit=MAX_PURPOSE_CHARACTERS),
        instructions=_clean_text(
            form.instructions, field="instructions", noun="the instructions", limit=MAX_INSTRUCTIONS_CHARACTERS
        ),
        model=_clean_line(form.model, field="model", noun="the model", limit=MAX_MODEL_CHARACTERS),
    )


def clean_playbook(drafts: Sequence[PlaybookDraft]) -> tuple[PlaybookDraft, ...]:
    """Return the entries as they are stored; rows left wholly blank are dropped.

    Raises:
        InvalidInput: ``field`` is ``playbook``, or ``playbook.<index>.question`` or ``….answer`` with the index in
            ``drafts``.
    """
    cleaned = [
        _clean_draft(draft, index=index)
        for index, draft in enumerate(drafts)
        if draft.question.strip() or draft.answer.strip()
    ]
    if len(cleaned) > MAX_PLAYBOOK_ENTRIES:
        raise InvalidInput(
            f"Use at most {MAX_PLAYBOOK_ENTRIES} entries; there are {len(cleaned)}.", field="playbook", code="too_many"
        )
    return tuple(cleaned)


def _clean_draft(draft: PlaybookDraft, *, index: int) -> PlaybookDraft:
    place, entry = f"playbook.{index}", f"entry {index + 1}"
    return PlaybookDraft(
        question=_clean_line(
            draft.question,
            field=f"{place}.question",
            noun=f"the question of {entry}",
            limit=MAX_QUESTION_CHARACTERS,
            required=True,
        ),
        answer=_clean_text(
            draft.answer,
            field=f"{place}.answer",
            noun=f"the answer of {entry}",
            limit=MAX_ANSWER_CHARACTERS,
            required=True,
        ),
    )


def _clean_line(value: str, *, field: str, noun: str, limit: int, required: bool = False) -> str:
    line = _checked(" ".join(value.split()), field=field, noun=noun, limit=limit, required=required)
    if not line.isprintable():
        raise _not_text(field, noun)
    return line


def _clean_text(value: str, *, field: str, noun: str, limit: int, required: bool = False) -> str:
    text = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    text = _checked(text, field=field, noun=noun, limit=limit, required=required)
    # PostgreSQL stores no NUL, and a lone surrogate has no UTF-8 form.
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise _not_text(field, noun)
    return text


def _checked(value: str, *, field: str, noun: str, limit: int, required: bool) -> str:
    if required and not value:
        raise InvalidInput(f"Enter {noun}.", field=field, code="required")
    if len(value) > limit:
        raise InvalidInput(
            f"Shorten {noun} to {limit:,} characters; there are {len(value):,}.", field=field, code="too_long"
        )
    return value


def _not_text(field: str, noun: str) -> InvalidInput:
    return InvalidInput(f"Remove the characters that cannot be shown from {noun}.", field=field, code="not_printable")
