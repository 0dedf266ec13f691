"""The search of the conversations page, through the guard: its own company's words, and nobody else's."""

from tests.integration.conversations.test_search import say
from tests.integration.pages.test_dialogs import SESSION, Person, person
from tests.support.line import Line, Shop

CONVERSATIONS = "reflex___state____state.app___pages___conversations___state____conversations_state"
AGENT = "reflex___state____state.app___session___state____agent_state"
PAGE = "/admin/ai-team/{agent_id}/conversations"


async def looked_for(owner: Person, words: str, **query: str) -> str:
    """Return all that the page is told when its address asks for words."""
    owner.go(PAGE, q=words, **query)
    said: list[str] = []
    for state in (SESSION, AGENT, CONVERSATIONS):
        await owner.send(f"{state}.load")
        said += owner.tab.frames
    return "\n".join(said)


async def test_page_finds_its_own_companys_words_and_nobody_elses(line: Line, shop: Shop) -> None:
    other = line.open_shop("Southwind", is_second=True)
    ours = say(line, shop, "Our zeppelin is late")
    theirs = say(line, other, "Their zeppelin is early")
    async with person(line, shop) as owner:
        said = await looked_for(owner, "zeppelin")
        assert str(ours) in said and owner.sees(CONVERSATIONS, "found") == "1 conversation"
        assert str(theirs) not in said and "Their" not in said
        assert "Their" not in await looked_for(owner, "early", c=str(theirs), show="all")
        assert owner.sees(CONVERSATIONS, "found") == "no conversations"
        assert owner.sees(CONVERSATIONS, "is_searching") is False


async def test_place_in_the_list_that_is_none_begins_at_the_newest(line: Line, shop: Shop) -> None:
    say(line, shop, "a zeppelin")
    async with person(line, shop) as owner:
        await looked_for(owner, "zeppelin", before="not a message")
        assert owner.sees(CONVERSATIONS, "found") == "1 conversation"
        assert owner.sees(CONVERSATIONS, "phase") == "ready"
