"""Runs the simulation: ``python -m tests.simulation --seeds 2000``, or one seed with all that happened."""

import argparse
import sys
import time

from tests.simulation.seeds import list_seeds, seed_of_the_day
from tests.simulation.world import STEPS, Failure, World


def main() -> int:
    """Run the seeds that are asked for; return 1 if one failed."""
    options = _parse()
    seeds = [options.seed] if options.seed is not None else list_seeds(options.seeds)
    began, failures = time.process_time(), list[str]()
    for seed in seeds:
        world = World(seed)
        try:
            world.run()
        except Failure as failure:
            failures.append(str(failure))
        if options.seed is not None:
            print("\n".join(world.describe()))
    seconds = time.process_time() - began
    print("\n\n".join(failures[:3]))
    print(
        f"{len(seeds)} seeds of {STEPS} steps in {seconds:.1f} s of processor time,"
        f" {len(seeds) / seconds:.0f} a second; {len(failures)} failed; today's begin at {seed_of_the_day()}"
    )
    return 1 if failures else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="one run, told in full")
    parser.add_argument("--seeds", type=int, default=2000, help="how many runs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
