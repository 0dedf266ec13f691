"""Turns under everything that goes wrong at once: one at a time, in order, replied to at most once, none left."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from services.turns import machine
from services.turns.machine import Step, Turning
from tests.simulation.oracle import Broken
from tests.simulation.seeds import list_seeds
from tests.simulation.test_sending import SEEDS
from tests.simulation.turns import TurnRules, TurnWorld


def _endless(turn: Turning, policy: Any) -> Step:
    return machine.begin(replace(turn, cut_offs=0, attempt=0), policy)


MUTANTS: Mapping[str, TurnRules] = {
    "claims what is held": TurnRules(checks_lease=False),
    "settles without the lease": TurnRules(checks_token=False),
    "answers the latest first": TurnRules(keeps_order=False),
    "never gives up what kills": TurnRules(begin=_endless),
}


def run(seed: int, rules: TurnRules | None = None) -> None:
    """Run a seed, and name it if it fails."""
    try:
        TurnWorld(seed, rules).run()
    except Broken as broken:
        raise Broken(f"turns, seed {seed}: {broken}") from None


def run_seeds(seeds: list[int], rules: TurnRules | None = None) -> None:
    """Run seeds until one fails."""
    for seed in seeds:
        run(seed, rules)


def test_each_turn_is_answered_once_in_order_and_comes_to_an_end() -> None:
    run_seeds(list_seeds(SEEDS))


@pytest.mark.parametrize("name", MUTANTS)
def test_a_product_that_is_broken_on_purpose_is_noticed(name: str) -> None:
    with pytest.raises(Broken, match="turns, seed"):
        run_seeds(list(range(200)), MUTANTS[name])
