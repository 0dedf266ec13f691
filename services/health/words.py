"""What owners are told, in plain words. Without effects."""

from collections.abc import Sequence
from uuid import UUID

from services.health.findings import RULES_BY_CODE
from services.health.kinds import LABELS, Act, Finding

INTEGRATIONS_PATH = "/admin/integrations"


def repair_path(connection_id: UUID, act: Act) -> str:
    """Return the path of the page where a finding is repaired."""
    return f"{INTEGRATIONS_PATH}?connection={connection_id}&act={act.value}"


def tell_began(findings: Sequence[Finding], *, place: str, connection_id: UUID, public_url: str) -> str:
    """Return the notice that something is broken, or about to be; ``place`` names provider and account."""
    first = findings[0]
    return "\n".join(
        [
            f"Patchbay: {place} needs you.",
            *(f"- {finding.what} {finding.stops}" for finding in findings),
            f"{LABELS[first.act]}: {public_url}{repair_path(connection_id, first.act)}",
        ]
    )


def tell_over(codes: Sequence[str], *, place: str, provider: str, still_open: int) -> str:
    """Return the notice that what was told of is over."""
    rules = [RULES_BY_CODE[code] for code in codes if code in RULES_BY_CODE]
    solved = list(dict.fromkeys(rule.solved.format(provider=provider) for rule in rules))
    begin = f"Patchbay: solved at {place}." if still_open else f"Patchbay: {place} is well again."
    rest = "1 other thing still needs you there." if still_open == 1 else f"{still_open} other things still need you."
    return "\n".join([begin, *(f"- {words}" for words in solved), *([rest] if still_open else [])])


def tell_test(*, label: str) -> str:
    """Return the notice that proves that notices arrive."""
    return f"Patchbay: this is a test. Notices about your connections arrive here ({label})."


def cut(text: str, limit: int) -> str:
    """Return a text that is no longer than a provider takes."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
