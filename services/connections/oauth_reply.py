"""What comes back from a consent page: a look at its form, and the sentence for every way it can end. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from services.kernel.errors import NotFound
from services.kernel.secret import Secret
from services.provider_kit import registry

_STATE = re.compile(r"[A-Za-z0-9_-]{43}")
"""What ``new_token(bits=256)`` makes; anything else was not made by us."""
_CODE = re.compile(r"[\x20-\x7e]{1,2048}")
"""RFC 6749 appendix A.11: printable ASCII; the length is our limit."""
_ERROR = re.compile(r"[\x20-\x7e]{1,200}")
_ISSUER = re.compile(r"[\x21-\x7e]{1,500}")

REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "cancelled": "You cancelled at {name}. Nothing was connected; start again when you are ready.",
        "provider_error": "{name} ended the connection with an error. Start again; if it happens twice, ask the"
        " person who runs Patchbay to check the app at {name}.",
        "missing_parameter": "{name} sent you back without what is needed to connect. Start again from this page.",
        "repeated_parameter": "The return address holds a value twice. Start again from this page.",
        "malformed_parameter": "The return address is damaged. Start again from this page.",
        "unknown_state": "Patchbay did not start this connection. Start it from this page.",
        "no_session": "You are not signed in any more. Sign in, then connect {name} again.",
        "other_session": "This connection was started in another browser or before you signed in again. Start it here.",
        "expired": "The consent took longer than ten minutes. Start again.",
        "used": "This consent was used already. Check whether {name} is connected; if not, start again.",
        "other_provider": "The consent was started for another service. Start again.",
        "other_tenant": "The consent was started for another company. Start again.",
        "missing_permission": "Your role may not connect accounts. Ask an owner of your company.",
        "not_configured": "The app at {name} is not set up on this server. Ask the person who runs Patchbay to set"
        " PATCHBAY_PROVIDER_APPS.",
        "no_signing_secret": "The app at {name} has no signing secret on this server. Ask the person who runs"
        " Patchbay to complete PATCHBAY_PROVIDER_APPS.",
        "exchange_refused": "{name} did not accept the consent. Start again.",
        "unavailable": "{name} could not be reached to finish. Start again in a minute.",
        "incomplete_grant": "{name} did not grant what is needed. Start again and accept everything it asks.",
        "missing_scope": "Not every right was granted at {name}. Start again and accept all of them.",
        "wrong_issuer": "The answer did not come from {name}. Nothing was connected; start again from this page.",
        "other_account": "{name} answered for two different accounts. Start again.",
        "wrong_account": "You signed in to another {noun} than this connection's. Sign in to the right one and try"
        " again, or connect the other one separately.",
        "unknown_connection": "The connection was deleted in the meantime. Connect the account again.",
        "still_ending": "The connection is still being ended. Try again in a minute.",
        "unknown_app": "The app was deleted in the meantime. Choose another one and start again.",
        "already_connected": "This {noun} is connected already. Disconnect it first, or choose another one.",
        "unknown_agent": "The agent was deleted in the meantime. Choose another one and start again.",
    }
)
"""Every refused ending has its own sentence; the code travels in the address, the sentence does not."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The callback's parameters after the first look."""

    state: str = ""
    code: Secret | None = None
    issuer: str | None = None
    """Who says that it answers (RFC 9207); None if nobody says so."""
    problem: str = ""


class WalkEnded(Exception):
    """The walk ends here, refused."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def read_reply(query: Mapping[str, Sequence[str]]) -> Reply:
    """Look at the parameters' form; the state is kept whenever it could be one of ours."""
    states, codes, errors, issuers = (query.get(name, ()) for name in ("state", "code", "error", "iss"))
    state = states[0] if len(states) == 1 and _STATE.fullmatch(states[0]) else ""
    if errors:
        return Reply(state, problem=_error_problem(errors))
    if not states or not codes or "" in (*states, *codes):
        return Reply(state, problem="missing_parameter")
    if max(map(len, (states, codes, issuers))) > 1:
        return Reply(state, problem="repeated_parameter")
    if not state or not _CODE.fullmatch(codes[0]) or not all(map(_ISSUER.fullmatch, issuers)):
        return Reply(state, problem="malformed_parameter")
    return Reply(state, code=Secret(codes[0]), issuer=next(iter(issuers), None))


def _error_problem(errors: Sequence[str]) -> str:
    if len(errors) > 1:
        return "repeated_parameter"
    if not _ERROR.fullmatch(errors[0]):
        return "malformed_parameter"
    return "cancelled" if errors[0] == "access_denied" else "provider_error"


def refusal_message(code: str, *, provider: str) -> str:
    """Return the sentence for a refused ending; a general one if the code is not ours."""
    try:
        manifest = registry.get_manifest(provider)
    except NotFound:
        return "The connection was not finished. Start again."
    template = REFUSALS.get(code, "{name} was not connected. Start again.")
    return template.format(name=manifest.name, noun=manifest.account_noun)
