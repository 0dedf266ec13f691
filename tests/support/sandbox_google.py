"""Plays the people whose calendars an agent may see, and what goes wrong between them and Patchbay."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
from pydantic import BaseModel, ConfigDict

from app.sandbox.google_identities import GoogleIdentity

BRI, OPS, STUDIO = "bri@northwind.example", "ops@northwind.example", "studio@harbor.example"
CALENDAR_EVENTS = "https://www.googleapis.com/auth/calendar.events"
CALENDAR_SCOPES = (
    "openid",
    "email",
    CALENDAR_EVENTS,
    "https://www.googleapis.com/auth/calendar.readonly",
)

Post = Callable[[str, Mapping[str, object]], bytes]
Get = Callable[[str, Mapping[str, str]], bytes]


class Played(BaseModel):
    """What a person did: the event, and the notifications that it caused."""

    model_config = ConfigDict(frozen=True)
    event: str
    event_ids: tuple[str, ...]


class ShownEvent(BaseModel):
    """A meeting as its owner sees it."""

    model_config = ConfigDict(frozen=True)
    id: str
    summary: str
    start: str
    end: str
    series: str
    guests: int
    meet: str


class _Calendar(BaseModel):
    id: str
    events: tuple[ShownEvent, ...]


class _Account(BaseModel):
    email: str
    calendars: tuple[_Calendar, ...]


class _Google(BaseModel):
    accounts: tuple[_Account, ...]


class _State(BaseModel):
    google: _Google


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleTokens:
    """What the token endpoint gave; ``refresh_token`` is empty if it gave none."""

    access_token: str
    refresh_token: str
    scopes: tuple[str, ...]


class CalendarPeople:
    """Moves meetings as their owners would. A calendar that is not named is Bri's.

    Args:
        base_url: the sandbox's address.
        identity: who the operator's client is.
        post: posts to the control API.
        get: reads from it.
    """

    def __init__(self, base_url: str, *, identity: Callable[[], GoogleIdentity], post: Post, get: Get) -> None:
        self._base_url = base_url
        self._identity = identity
        self._post = post
        self._get = get

    def events(self, *, calendar: str = BRI) -> list[ShownEvent]:
        """Return the meetings from yesterday on, for two weeks."""
        state = _State.model_validate_json(self._get("state", {}))
        found = [item for account in state.google.accounts for item in account.calendars if item.id == calendar]
        return list(found[0].events)

    def add(
        self,
        summary: str,
        *,
        start: str = "",
        minutes: int = 30,
        calendar: str = "",
        guests: Sequence[str] = (),
        recurrence: Sequence[str] = (),
    ) -> Played:
        """Add a meeting at a local time (``2026-11-20T09:00``), or for a day (``2026-11-20``); by default tomorrow."""
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT09:00")
        body = {"calendar": calendar, "summary": summary, "start": start or tomorrow, "minutes": minutes}
        return self._play("event/add", body | {"guests": list(guests), "recurrence": list(recurrence)})

    def move(self, event: str, *, start: str = "", minutes: int = 0, calendar: str = "") -> Played:
        """Move a meeting to a local time, or by minutes."""
        return self._play("event/move", {"calendar": calendar, "event": event, "start": start, "minutes": minutes})

    def change(self, event: str, fields: Mapping[str, object], *, calendar: str = "") -> Played:
        """Change a meeting's fields as ``patch`` does."""
        return self._play("event/change", {"calendar": calendar, "event": event, "fields": dict(fields)})

    def cancel(self, event: str, *, calendar: str = "") -> Played:
        """Cancel a meeting, or one occurrence of a series."""
        return self._play("event/cancel", {"calendar": calendar, "event": event})

    def delete(self, event: str, *, calendar: str = "") -> Played:
        """Delete a meeting with all of its series."""
        return self._play("event/delete", {"calendar": calendar, "event": event})

    def lose_sync_tokens(self, *, calendar: str = "") -> None:
        """Make every sync token given out invalid."""
        self._post("google/sync-tokens/lose", {"calendar": calendar})

    def notifications(self, *, drop: int = 0, double: int = 0) -> None:
        """Lose or double the next notifications."""
        self._post("google/notifications", {"drop": drop, "double": double})

    def access(self, harm: Literal["expire", "refuse", "accept", "revoke"], *, account: str = "") -> None:
        """Do harm to Patchbay's access, as ``app.sandbox.google_control.Harm`` says."""
        self._post("google/access", {"harm": harm, "account": account})

    def watches(self, *, seconds: int = 604_800, expire: bool = False) -> None:
        """Set how long watches may live from now on; ``expire`` ends those there are."""
        self._post("google/watches", {"seconds": seconds, "expire": expire})

    def testing(self, *, on: bool = True) -> None:
        """Let refresh tokens given from now on end after seven days."""
        self._post("google/testing", {"on": on})

    def consent(
        self, authorize_url: str, *, account: str = BRI, scopes: Sequence[str] | None = None, allow: bool = True
    ) -> str:
        """Answer Google's consent page as a person would, and return where the browser is sent back to.

        Args:
            scopes: the ticked ones; all that are asked for if not given.
        """
        asked = parse_qs(urlsplit(authorize_url).query).get("scope", [""])[0].split()
        form = {
            "answer": "allow" if allow else "deny",
            "account": account,
            "scope": list(asked if scopes is None else scopes),
        }
        response = httpx2.post(authorize_url, data=form, follow_redirects=False, trust_env=False)
        assert response.status_code == 303, response.text
        return response.headers["location"]

    def connect(
        self,
        *,
        redirect_uri: str,
        account: str = BRI,
        scopes: Sequence[str] = CALENDAR_SCOPES,
        prompt: str = "consent",
        access_type: str = "offline",
    ) -> GoogleTokens:
        """Go the way of the authorization code with PKCE, without the product."""
        identity, verifier = self._identity(), secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "client_id": identity.client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": " ".join(scopes),
            "access_type": access_type,
            "prompt": prompt,
            "state": "s",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        back = self.consent(f"{self._base_url}/google/o/oauth2/v2/auth?{urlencode(query)}", account=account)
        form = {
            "grant_type": "authorization_code",
            "client_id": identity.client_id,
            "client_secret": identity.client_secret,
            "code": parse_qs(urlsplit(back).query)["code"][0],
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        response = httpx2.post(f"{self._base_url}/google/token", data=form, trust_env=False)
        assert response.status_code == 200, response.text
        answer = response.json()
        return GoogleTokens(
            access_token=answer["access_token"],
            refresh_token=answer.get("refresh_token", ""),
            scopes=tuple(answer["scope"].split()),
        )

    def _play(self, path: str, body: Mapping[str, object]) -> Played:
        return Played.model_validate_json(self._post(f"google/{path}", body))
