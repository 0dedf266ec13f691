"""How fast a provider takes messages, as its manifest says."""

from services.provider_kit import registry
from tests.conformance.cases import every_provider


@every_provider
def test_a_pace_lets_something_through(slug: str) -> None:
    for pace in registry.get_manifest(slug).paces:
        assert pace.count >= 1 and pace.seconds > 0 and pace.burst >= pace.count
        assert pace.unit_characters >= 0
        assert pace.unit and not pace.unit.endswith("s"), "the plural is made from it"
