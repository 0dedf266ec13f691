"""How a walk to a provider's consent page ended, read from the address it came back to."""

from collections.abc import Mapping
from uuid import UUID

from services.connections import ConnectionView, describe_refusal, get_connection, refusal_message
from services.kernel.errors import NotFound
from services.kernel.kernel import Kernel
from services.tenants import Actor


def read_outcome(kernel: Kernel, actor: Actor, query: Mapping[str, str]) -> tuple[str, str]:
    """Return the notice's colour and its sentence; both empty if nobody came back.

    The address carries ids and codes, never a sentence: whoever forges it can only make us say what we would say
    anyway.
    """
    if connected := _id(query.get("connected", "")):
        return _connected(kernel, actor, connected)
    if refused := query.get("refused", ""):
        attempt = _id(query.get("attempt", ""))
        said = describe_refusal(kernel, actor=actor, attempt_id=attempt) if attempt else ""
        return "broken", said or refusal_message(refused, provider=query.get("provider", ""))
    return "", ""


def _connected(kernel: Kernel, actor: Actor, connection_id: UUID) -> tuple[str, str]:
    try:
        connection = get_connection(kernel, actor=actor, connection_id=connection_id)
    except NotFound:
        return "", ""
    if connection.status == "disconnected":
        return "", ""
    account = connection.name or connection.external_account_name
    return "ok", f"{connection.provider_name} is connected: {account}. {_next_step(connection)}"


def _next_step(connection: ConnectionView) -> str:
    if connection.category == "calendar":
        return "Its meetings are being read."
    return "Write to the agent there next."


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
