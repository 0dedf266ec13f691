"""Queries on agents, their playbooks, and the full-text search in them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, literal, select, text, update
from sqlmodel import col
from sqlmodel import select as select_rows

from models import (
    Agent,
    ChannelPolicy,
    Connection,
    ConnectionStatus,
    Conversation,
    EmailSender,
    PhoneNumber,
    PlaybookEntry,
    Turn,
)
from services.agents.matching import Candidate, Word, meaningful_stems, without_greeting
from services.agents.views import AgentView, PlaybookEntryView
from services.kernel.db import UnitOfWork

MAX_CANDIDATES = 20
STOP_WORD_LANGUAGES = ("english", "german", "french", "spanish", "italian", "dutch", "portuguese")
"""Languages whose stop words are known; PostgreSQL brings a dictionary for each."""

# ts_lexize() answers with an empty array exactly when the word is one of the dictionary's stop words.
_READ_WORDS = text(
    "SELECT place, word, (ts_lexize('english_stem', word))[1],"
    " ARRAY(SELECT language FROM unnest(CAST(:languages AS text[])) AS language"
    " WHERE ts_lexize(CAST(language || '_stem' AS regdictionary), word) = '{}')"
    " FROM unnest(CAST(:sentences AS text[])) WITH ORDINALITY AS sentence (body, place),"
    " unnest(tsvector_to_array(to_tsvector('simple', body))) AS word"
)


def find_agent(work: UnitOfWork, agent_id: UUID, *, lock: bool = False) -> Agent | None:
    """Return an agent, locked for change if asked."""
    statement = select_rows(Agent).where(col(Agent.tenant_id) == work.tenant_id, col(Agent.id) == agent_id)
    return work.session.exec(statement.with_for_update() if lock else statement).first()


def is_name_taken(work: UnitOfWork, name: str, *, except_agent_id: UUID) -> bool:
    """Tell whether another agent has this name, in whatever case."""
    found = work.session.exec(
        select_rows(col(Agent.id)).where(
            col(Agent.tenant_id) == work.tenant_id,
            func.lower(col(Agent.name)) == func.lower(literal(name)),
            col(Agent.id) != except_agent_id,
        )
    )
    return found.first() is not None


def list_agent_views(work: UnitOfWork, *, agent_id: UUID | None = None) -> tuple[AgentView, ...]:
    """Return agents by name, or one of them, with their counts, in one statement."""
    tenant_id = work.tenant_id
    is_connected = col(Connection.status) != ConnectionStatus.DISCONNECTED
    statement = (
        select(
            col(Agent.id),
            col(Agent.name),
            col(Agent.purpose),
            col(Agent.instructions),
            col(Agent.model),
            col(Agent.status),
            col(Agent.created_at),
            _count_of(Connection, tenant_id, is_connected).label("connection_count"),
            _count_of(Conversation, tenant_id).label("conversation_count"),
            _count_of(PlaybookEntry, tenant_id).label("playbook_count"),
            _last_answer(tenant_id).label("last_answer_at"),
        )
        .where(col(Agent.tenant_id) == tenant_id)
        .order_by(func.lower(col(Agent.name)), col(Agent.id))
    )
    if agent_id is not None:
        statement = statement.where(col(Agent.id) == agent_id)
    return tuple(AgentView(**row) for row in work.session.connection().execute(statement).mappings())


def count_senders(work: UnitOfWork, agent_id: UUID) -> int:
    """Return how many addresses the agent writes from."""
    statement = select(func.count()).where(
        col(EmailSender.tenant_id) == work.tenant_id, col(EmailSender.agent_id) == agent_id
    )
    return work.session.connection().execute(statement).scalar_one()


def leave_channels(work: UnitOfWork, agent_id: UUID) -> None:
    """Let the default agent answer in the shared channels that were this one's; their rules stay."""
    work.session.exec(
        update(ChannelPolicy)
        .where(col(ChannelPolicy.tenant_id) == work.tenant_id, col(ChannelPolicy.agent_id) == agent_id)
        .values(agent_id=None)
    )


def count_numbers(work: UnitOfWork, agent_id: UUID) -> int:
    """Return how many phone numbers the agent answers."""
    statement = select(func.count()).where(
        col(PhoneNumber.tenant_id) == work.tenant_id, col(PhoneNumber.agent_id) == agent_id
    )
    return work.session.connection().execute(statement).scalar_one()


def list_playbook_entries(work: UnitOfWork, agent_id: UUID) -> tuple[PlaybookEntryView, ...]:
    """Return an agent's entries in their order."""
    statement = (
        select(
            col(PlaybookEntry.id), col(PlaybookEntry.question), col(PlaybookEntry.answer), col(PlaybookEntry.position)
        )
        .where(col(PlaybookEntry.tenant_id) == work.tenant_id, col(PlaybookEntry.agent_id) == agent_id)
        .order_by(col(PlaybookEntry.position))
    )
    return tuple(
        PlaybookEntryView(id=row[0], question=row[1], answer=row[2], position=row[3])
        for row in work.session.connection().execute(statement)
    )


def replace_playbook_entries(work: UnitOfWork, agent_id: UUID, entries: Sequence[PlaybookEntry]) -> None:
    """Put these entries in the place of all the agent has."""
    work.session.connection().execute(
        delete(PlaybookEntry).where(
            col(PlaybookEntry.tenant_id) == work.tenant_id, col(PlaybookEntry.agent_id) == agent_id
        )
    )
    work.session.add_all(entries)
    work.session.flush()


def read_words(work: UnitOfWork, sentences: Sequence[str]) -> tuple[tuple[Word, ...], ...]:
    """Return the words of each sentence as PostgreSQL's text search reads them."""
    if not sentences:
        return ()
    rows = work.session.connection().execute(
        _READ_WORDS, {"sentences": list(sentences), "languages": list(STOP_WORD_LANGUAGES)}
    )
    found: list[list[Word]] = [[] for _ in sentences]
    for place, word, stem, languages in rows:
        found[place - 1].append(Word(text=word, stem=stem or word, stop_in=frozenset(languages)))
    return tuple(map(tuple, found))


def list_candidates(work: UnitOfWork, agent_id: UUID, sentences: Sequence[Sequence[Word]]) -> tuple[Candidate, ...]:
    """Return the agent's entries whose questions are most like these sentences, in the playbook's order."""
    return list_candidates_of(work, [(agent_id, sentences)])[0]


_FIND_CANDIDATES = text(
    "SELECT asked.place, entry.question, entry.answer, entry.answer_stems"
    " FROM unnest(CAST(:agents AS uuid[]), CAST(:queries AS text[])) WITH ORDINALITY AS asked (agent_id, query, place),"
    " LATERAL (SELECT position, question, answer, tsvector_to_array(ts_filter(search, '{c}')) AS answer_stems"
    " FROM playbook_entry WHERE tenant_id = :tenant_id AND playbook_entry.agent_id = asked.agent_id"
    " AND search @@ CAST(asked.query AS tsquery)"
    " ORDER BY ts_rank(search, CAST(asked.query AS tsquery)) DESC, position LIMIT :most) AS entry"
    " ORDER BY asked.place, entry.position"
)


def list_candidates_of(
    work: UnitOfWork, asked: Sequence[tuple[UUID, Sequence[Sequence[Word]]]]
) -> list[tuple[Candidate, ...]]:
    """Return such entries for several messages at once, each given as an agent and the words of its sentences."""
    queries = [build_query(sentences) for _, sentences in asked]
    wanted = [place for place, query in enumerate(queries) if query]
    found: list[list[Candidate]] = [[] for _ in asked]
    if not wanted:
        return list(map(tuple, found))
    rows = work.session.connection().execute(
        _FIND_CANDIDATES,
        {
            "tenant_id": work.tenant_id,
            "agents": [asked[place][0] for place in wanted],
            "queries": [queries[place] for place in wanted],
            "most": MAX_CANDIDATES,
        },
    )
    entries = rows.all()
    questions = list(dict.fromkeys(question for _, question, _, _ in entries))
    words = dict(zip(questions, read_words(work, questions), strict=True))
    for place, question, answer, stems in entries:
        found[wanted[place - 1]].append(_candidate(question, answer, words[question], stems))
    return list(map(tuple, found))


def _candidate(question: str, answer: str, words: tuple[Word, ...], stems: Sequence[str]) -> Candidate:
    return Candidate(
        question=question,
        answer=answer,
        words=words,
        stems=meaningful_stems(words),
        answer_stems=frozenset(stems),
    )


def build_query(sentences: Sequence[Sequence[Word]]) -> str:
    """Return a text search query for questions with a meaningful stem of these sentences, or all words of one.

    The second finds "Who are you?", which has no meaningful stem. A lexeme is quoted, so nothing in it is taken for an
    operator (https://www.postgresql.org/docs/current/datatype-textsearch.html).
    """
    stems = meaningful_stems([word for sentence in sentences for word in sentence])
    wanted = [f"{_quoted(stem)}:A" for stem in sorted(stems)]
    same = [" & ".join(f"{_quoted(word)}:B" for word in sorted(without_greeting(sentence))) for sentence in sentences]
    return " | ".join([*wanted, *(f"({words})" for words in same if words)])


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def _count_of(
    table: type[Connection] | type[Conversation] | type[PlaybookEntry], tenant_id: UUID, *more: ColumnElement[bool]
) -> Any:
    return (
        select(func.count())
        .select_from(table)
        .where(col(table.tenant_id) == tenant_id, col(table.agent_id) == col(Agent.id), *more)
        .correlate(Agent)
        .scalar_subquery()
    )


def _last_answer(tenant_id: UUID) -> ColumnElement[datetime | None]:
    """Read the end of the index on answered turns, however many there are."""
    return (
        select(func.max(col(Turn.finished_at)))
        .where(col(Turn.tenant_id) == tenant_id, col(Turn.agent_id) == col(Agent.id), col(Turn.reply_id).is_not(None))
        .correlate(Agent)
        .scalar_subquery()
    )
