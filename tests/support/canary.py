"""Looks for canaries: secrets that must not turn up anywhere, in whatever spelling.

Each finder returns one line per hit, ``<name> in <place>``; it never repeats the secret itself, so that a failing
test does not spread it.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote, quote_plus

from redis import Redis
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

Canaries = Mapping[str, str]
"""Name → secret."""

_SHORTEST = 8
"""A shorter text would be found by chance."""


def scan_text(said: str | bytes, canaries: Canaries, *, place: str = "text") -> list[str]:
    """Find canaries in a text, clear or encoded: base64 at any offset, hex, percent signs, JSON escapes.

    Args:
        said: what was logged, sent or stored.
        canaries: what must not be in it.
        place: where it was found, for the message.
    """
    raw = (said if isinstance(said, bytes) else said.encode("utf-8", "surrogatepass")).lower()
    return [f"{name} in {place}" for name, secret in canaries.items() if any(form in raw for form in _forms(secret))]


def scan_texts(said: Mapping[str, str | bytes], canaries: Canaries) -> list[str]:
    """Find canaries in several texts, by the names of their places."""
    return [hit for place, value in said.items() for hit in scan_text(value, canaries, place=place)]


def scan_database(owner_url: str, canaries: Canaries) -> list[str]:
    """Find canaries in every column of every table.

    Args:
        owner_url: a login that no row-level security applies to.
        canaries: what must not be stored; give hashed secrets in clear, the hash is no hit.
    """
    hits: list[str] = []
    with create_engine(owner_url, poolclass=NullPool).connect() as connection:
        tables = connection.execute(
            text(
                "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
            )
        )
        for table in list(tables.scalars()):
            for row in connection.execute(text(f"SELECT * FROM {table}")).mappings():
                for column, value in row.items():
                    hits += scan_text(_as_bytes(value), canaries, place=f"{table}.{column}")
    return sorted(set(hits))


def scan_redis(url: str, canaries: Canaries) -> list[str]:
    """Find canaries in every key and value, RQ's compressed ones included."""
    hits: list[str] = []
    redis = Redis.from_url(url)
    for key in cast("Iterable[bytes]", redis.scan_iter(count=1000)):
        place = f"Redis key {key[:60]!r}"
        hits += scan_text(key, canaries, place=place)
        for value in _redis_values(redis, key):
            hits += scan_text(value, canaries, place=place)
            hits += scan_text(_inflated(value), canaries, place=place)
    redis.close()
    return sorted(set(hits))


def _forms(secret: str) -> Iterator[bytes]:
    """Yield the spellings of a secret, in lower case: logs and search vectors may have changed it."""
    assert len(secret) >= _SHORTEST, "a canary this short is found by chance"
    raw = secret.encode()
    forms = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], raw.hex()}
    for offset in range(3):
        # Only whole groups of three bytes look the same whatever stands before and after.
        middle = raw[(3 - offset) % 3 :]
        middle = middle[: len(middle) // 3 * 3]
        forms |= {base64.b64encode(middle).decode(), base64.urlsafe_b64encode(middle).decode()}
    yield from (form.lower().encode() for form in forms if len(form) >= _SHORTEST)


def _as_bytes(value: object) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(cast("bytes | memoryview", value))
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str).encode()
    return str(value).encode()


def _redis_values(redis: Redis, key: bytes) -> Iterable[bytes]:
    kind = cast(bytes, redis.type(key)).decode()
    client: Any = redis
    if kind == "string":
        return [client.get(key) or b""]
    if kind == "hash":
        return [part for pair in client.hgetall(key).items() for part in pair]
    if kind == "list":
        return client.lrange(key, 0, -1)
    if kind == "set":
        return client.smembers(key)
    if kind == "zset":
        return client.zrange(key, 0, -1)
    if kind == "stream":
        return [part for _, fields in client.xrange(key) for pair in fields.items() for part in pair]
    assert kind == "none", f"a Redis type that is not looked into: {kind}"
    return []


def _inflated(value: bytes) -> bytes:
    try:
        return zlib.decompress(value)
    except zlib.error:
        return b""
