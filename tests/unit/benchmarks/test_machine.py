"""What the figures were taken on."""

import platform
import re

from benchmarks.machine import busy_warning, facts


def test_figures_of_a_busy_machine_are_told_from_those_of_a_quiet_one() -> None:
    assert busy_warning(0.3, processors=2) == ""
    assert "load average 1.4 on 2 processors" in busy_warning(1.4, processors=2)
    assert busy_warning(1.4, processors=16) == ""


def test_facts_name_versions_and_nobodys_machine() -> None:
    found = facts(postgres="18.1", load_before=0.31)
    assert (found["PostgreSQL"], found["Python"], found["Load average before"]) == (
        "18.1",
        platform.python_version(),
        "0.31",
    )
    assert platform.node() not in found.values()
    assert not re.search(r"/\w", " ".join(found.values()))
