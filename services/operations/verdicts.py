"""How a check says what it came to."""

from services.operations.views import Finding

SKEW_WARNS, SKEW_FAILS = 2.0, 60.0
"""Seconds. Providers' signatures are good for some minutes; who is a minute off will soon be refused."""


def graded(name: str, words: str, value: float, warns: float, fails: float, *, remedy: str) -> Finding:
    """Judge a value by the two thresholds."""
    if value >= fails:
        return fail(name, words, remedy)
    return warn(name, words, remedy) if value >= warns else ok(name, words)


def ok(name: str, sentence: str) -> Finding:
    """Nothing is to be done."""
    return Finding(name=name, status="ok", sentence=sentence)


def warn(name: str, sentence: str, remedy: str) -> Finding:
    """Somebody should look at it."""
    return Finding(name=name, status="warn", sentence=sentence, remedy=remedy)


def fail(name: str, sentence: str, remedy: str) -> Finding:
    """Something does not work, or is not safe."""
    return Finding(name=name, status="fail", sentence=sentence, remedy=remedy)
