"""The providers' side of several tenants: more workspaces, people and phone numbers than the sandbox has by itself."""

import secrets
from dataclasses import dataclass

from app.sandbox.identities import SCOPES, dm_id, new_bot_token, new_state, open_dm
from app.sandbox.state import (
    SandboxState,
    SlackApp,
    SlackInstallation,
    SlackTeam,
    SlackUser,
    TwilioAccount,
    TwilioNumber,
)

SHARES = (0.6, 0.1, 0.1, 0.1, 0.1)
"""How the load is shared between the tenants: one has most of it."""
PEOPLE = 40
"""People in each workspace. A provider takes one message a second and channel, so there must be many."""
_NUMBERS = (12, 3, 3, 3, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """What one tenant has at the providers."""

    number: int
    app: SlackApp
    bot_token: str
    people: tuple[str, ...]
    account: TwilioAccount

    @property
    def dms(self) -> dict[str, str]:
        """The direct conversation of each person with the agent."""
        return {person: dm_id(user=person, bot=self.app.bot_user_id) for person in self.people}


def new_world() -> tuple[SandboxState, tuple[Company, ...]]:
    """Make a sandbox in which every tenant of the rig has an app and an account of its own.

    People have the same ids in every workspace on purpose: only the workspace tells them apart.
    """
    state = new_state()
    return state, tuple(_add_company(state, number) for number in range(len(SHARES)))


def _add_company(state: SandboxState, number: int) -> Company:
    app = _new_app(number)
    installation = SlackInstallation(
        app_id=app.id, team_id=app.home_team_id, token=new_bot_token(), scopes=list(SCOPES), installed_by=_person(0)
    )
    team = _new_team(number)
    for user in team.users:
        open_dm(team, user=user.id, bot=app.bot_user_id)
    account = _new_account(number)
    state.slack.teams.append(team)
    state.slack.apps.append(app)
    state.slack.installations.append(installation)
    state.twilio.accounts.append(account)
    people = tuple(user.id for user in team.users)
    return Company(number=number, app=app, bot_token=installation.token, people=people, account=account)


def _new_app(number: int) -> SlackApp:
    return SlackApp(
        id=f"A0RIG{number:06d}",
        name=f"Company {number} agent",
        client_id=f"{number:010d}.{number:013d}",
        client_secret=secrets.token_hex(16),
        signing_secret=secrets.token_hex(16),
        verification_token=secrets.token_urlsafe(18),
        bot_user_id=f"U0RIGBOT{number:03d}",
        bot_id=f"B0RIG{number:06d}",
        home_team_id=f"T0RIG{number:06d}",
    )


def _new_team(number: int) -> SlackTeam:
    users = [
        SlackUser(id=_person(place), name=f"person{place}", real_name=f"Person {place}", email=f"p{place}@rig.example")
        for place in range(PEOPLE)
    ]
    return SlackTeam(
        id=f"T0RIG{number:06d}", name=f"Company {number}", domain=f"company{number}", users=users, channels={}
    )


def _new_account(number: int) -> TwilioAccount:
    return TwilioAccount(
        sid=f"AC{secrets.token_hex(16)}",
        auth_token=secrets.token_hex(16),
        friendly_name=f"Company {number}",
        numbers=[
            TwilioNumber(
                sid=f"PN{secrets.token_hex(16)}",
                phone_number=f"+1646{number}{place:06d}",
                friendly_name=f"Company {number}, line {place}",
            )
            for place in range(_NUMBERS[number])
        ],
    )


def _person(place: int) -> str:
    return f"U0PERSON{place:03d}"
