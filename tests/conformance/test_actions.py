"""Actions: what an agent is told of them is complete, and what it gives is checked before anything runs."""

import re

import pytest
from pydantic import BaseModel

from services.provider_kit import registry
from services.provider_kit.contract import Action
from tests.conformance.cases import SLUGS

CASES = [(slug, action) for slug in SLUGS for action in registry.list_actions(slug)]
every_action = pytest.mark.parametrize(("slug", "action"), CASES, ids=[f"{slug}-{item.name}" for slug, item in CASES])


@pytest.mark.parametrize("slug", SLUGS)
def test_names_are_unique_within_a_provider(slug: str) -> None:
    names = [action.name for action in registry.list_actions(slug)]
    assert len(names) == len(set(names))


@every_action
def test_names_and_words_are_there(slug: str, action: Action) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", action.name), "verb_noun"
    # Model servers take at most 64 characters, and the provider's slug stands in front.
    assert len(f"{slug}__{action.name}") <= 60
    assert action.label and not action.label.endswith(".")
    assert action.description.endswith(".")


@every_action
def test_input_refuses_what_it_does_not_know_and_explains_each_field(slug: str, action: Action) -> None:
    model: type[BaseModel] = action.input
    schema = model.model_json_schema()
    assert schema["type"] == "object" and schema.get("additionalProperties") is False
    for name, field in model.model_fields.items():
        assert field.description, f"{slug}.{action.name}: what is {name} for?"
