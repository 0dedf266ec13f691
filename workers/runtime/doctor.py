"""``patchbay doctor``: what is wrong with this installation, and what to do about it."""

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence

from services.kernel.settings import Settings
from services.operations import Finding, gather, judge

_SIGNS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


def examine(settings: Settings, *, as_json: bool) -> int:
    """Print what every check came to; return 1 if something is wrong, else 0."""
    findings = judge(gather(settings))
    if as_json:
        print(json.dumps({"checks": [dataclasses.asdict(finding) for finding in findings]}))
    else:
        print("\n".join(describe(findings)))
    return 1 if any(finding.status == "fail" for finding in findings) else 0


def describe(findings: Sequence[Finding]) -> list[str]:
    """Return one line per check, with what to do below it, and a sum."""
    width = max((len(finding.name) for finding in findings), default=0)
    lines: list[str] = []
    for finding in findings:
        lines.append(f"{_SIGNS[finding.status]}  {finding.name:<{width}}  {finding.sentence}")
        if finding.remedy:
            lines.append(f"      {'':<{width}}  → {finding.remedy}")
    counts = Counter(finding.status for finding in findings)
    lines.append(f"\n{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} wrong")
    return lines
