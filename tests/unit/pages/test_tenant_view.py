"""What the end of a company takes along, in words."""

import pytest

from app.pages.tenant.view import deletion_effects
from services.tenants import TenantContents


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (
            TenantContents(agents=2, connections=1, conversations=14, people=1, api_keys=0),
            (
                "2 agents and 14 conversations are deleted.",
                "1 connection falls silent, and its access is given back where the service allows it.",
                "1 person and no API keys lose their access; you are signed out.",
            ),
        ),
        (
            TenantContents(agents=0, connections=0, conversations=0, people=3, api_keys=2),
            (
                "No agents and no conversations are deleted.",
                "Nothing is connected.",
                "3 people and 2 API keys lose their access; you are signed out.",
            ),
        ),
    ],
)
def test_everything_is_counted(contents: TenantContents, said: tuple[str, ...]) -> None:
    assert deletion_effects(contents)[:3] == said
