"""What may be typed about an agent."""

import pytest

from services.agents.fields import clean_form, clean_playbook
from services.agents.views import AgentForm, PlaybookDraft
from services.kernel.errors import InvalidInput


def test_form_is_trimmed() -> None:
    form = AgentForm(name="  Ada \n Bot ", purpose=" Answers\tall ", instructions=" a\r\n b \n", model=" gpt ")

    assert clean_form(form) == AgentForm(name="Ada Bot", purpose="Answers all", instructions="a\n b", model="gpt")


def test_longest_values_are_accepted() -> None:
    form = AgentForm(name="n" * 60, purpose="p" * 140, instructions="i" * 8_000, model="m" * 100)

    assert clean_form(form) == form


@pytest.mark.parametrize(
    ("form", "field", "code"),
    [
        (AgentForm(name=" \n"), "name", "required"),
        (AgentForm(name="n" * 61), "name", "too_long"),
        (AgentForm(name="a\0b"), "name", "not_printable"),
        (AgentForm(name="a\u202eb"), "name", "not_printable"),
        (AgentForm(name="Ada", purpose="p" * 141), "purpose", "too_long"),
        (AgentForm(name="Ada", instructions="i" * 8_001), "instructions", "too_long"),
        (AgentForm(name="Ada", instructions="a\0b"), "instructions", "not_printable"),
        (AgentForm(name="Ada", instructions="\ud800"), "instructions", "not_printable"),
        (AgentForm(name="Ada", model="m" * 101), "model", "too_long"),
    ],
)
def test_wrong_value_names_its_field(form: AgentForm, field: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        clean_form(form)

    assert (caught.value.field, caught.value.code) == (field, code)


@pytest.mark.parametrize(
    ("draft", "field", "code"),
    [
        (PlaybookDraft(question="", answer="a"), "playbook.1.question", "required"),
        (PlaybookDraft(question="q", answer=" "), "playbook.1.answer", "required"),
        (PlaybookDraft(question="q" * 301, answer="a"), "playbook.1.question", "too_long"),
        (PlaybookDraft(question="q", answer="a" * 3_001), "playbook.1.answer", "too_long"),
    ],
)
def test_wrong_entry_names_its_place(draft: PlaybookDraft, field: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        clean_playbook([PlaybookDraft(question="q", answer="a"), draft])

    assert (caught.value.field, caught.value.code) == (field, code)
    assert "entry 2" in caught.value.message


def test_blank_rows_are_dropped() -> None:
    kept = PlaybookDraft(question="q", answer="a")

    assert clean_playbook([PlaybookDraft(question=" ", answer=""), kept]) == (kept,)


def test_too_many_entries_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at most 200"):
        clean_playbook([PlaybookDraft(question="q", answer="a")] * 201)
