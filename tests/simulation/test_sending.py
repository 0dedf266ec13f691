"""Sending under everything that goes wrong at once, on the product's own rules: see docs/guide/faults.md."""

import os
from collections.abc import Sequence

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.seeds import list_seeds, seed_of_the_day
from tests.simulation.world import Broke, Failure, World

SEEDS = int(os.environ.get("PATCHBAY_SEEDS", "200"))
MOST_SEEDS = 200
"""Within so many seeds each mutant is found."""


def run_seeds(seeds: Sequence[int], broke: Broke | None = None) -> None:
    """Run seeds until one fails."""
    for seed in seeds:
        World(seed, broke).run()


def test_each_message_is_sent_once_in_order_and_comes_to_an_end() -> None:
    print(f"today's seeds begin at {seed_of_the_day()}")
    run_seeds(list_seeds(SEEDS))


def test_the_same_seed_is_the_same_run() -> None:
    first, second = World(7), World(7)
    first.run()
    second.run()

    assert first.history == second.history


@pytest.mark.parametrize("name", MUTANTS)
def test_a_product_that_is_broken_on_purpose_is_noticed(name: str) -> None:
    with pytest.raises(Failure) as failure:
        run_seeds(range(MOST_SEEDS), MUTANTS[name])

    assert "again: .venv/bin/python -m tests.simulation --seed " in str(failure.value)
