"""Reaches the source by the account's name."""

from services.provider_kit.contract import ExternalAccount, ProviderContext
from tests.support.planner.access import PlannerClient
from tests.support.planner.source import SOURCES


def build_client(context: ProviderContext) -> PlannerClient:
    """Return a client for one call's length."""
    return PlannerClient(SOURCES[context.settings["account"]], context.secrets["access_token"])


def verify_credentials(client: PlannerClient) -> ExternalAccount:
    """Say whose it is."""
    account = client.enter("verify").account
    return ExternalAccount(id=account, name=account)
