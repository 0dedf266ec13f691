"""Where the editor shows what the server refused."""

import pytest

from app.pages.playbook.state import Problem, locate
from services.kernel.errors import InvalidInput


@pytest.mark.parametrize(
    ("field", "index", "name"),
    [
        ("playbook.2.answer", 2, "answer"),
        ("playbook.0.question", 0, "question"),
        ("playbook", -1, ""),
        ("a.b.c", -1, ""),
    ],
)
def test_error_is_shown_in_the_field_it_is_about(field: str, index: int, name: str) -> None:
    assert locate(InvalidInput("Enter it.", field=field)) == Problem(index=index, field=name, message="Enter it.")
