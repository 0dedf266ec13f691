"""Accepted means done, once, in order and for nobody else, whatever breaks: each fault on the running product.

``make test`` plays the quick ones, ``make faults`` all of them; the guide says more: docs/guide/faults.md.
"""

from collections.abc import Callable

import pytest

from tests.faults.rig import TRIES_EACH, Rig
from tests.faults.table import FAULTS, Fault


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, id=f"{fault.number} {fault.name}") for fault in FAULTS if fault.is_quick or TRIES_EACH],
)
def test_fault(rig: Rig, seed: int, fault: Fault, record_property: Callable[[str, object], None]) -> None:
    print(f"FAULT_SEED={seed}")
    rig.begin()
    fault.play(rig)
    rig.recovers(within=fault.seconds)
    record_property("recoveries", [round(seconds, 1) for seconds in rig.recoveries])
    record_property("measured", rig.measured)
    findings = rig.findings()
    assert not findings, f"{len(findings)} findings, the first: {findings[:5]}"
    errors = rig.errors(allowed=fault.errors)
    assert not errors, f"logged at error level, {len(errors)} lines: {errors[:3]}"
