"""The REST API as a script uses it: a key, JSON in, JSON out; and a tenant set up with nothing but that."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import httpx2
from pydantic import TypeAdapter

from app.sandbox.identities import SlackAppIdentity, TwilioIdentity
from services.agents import AgentView
from services.connections import ConnectionView
from services.conversations import ConversationView, MessageView
from services.kernel.http import tls_context
from services.kernel.paging import Page
from services.webhooks import DeliveryView
from tests.support.product import Product

Answer = TypeVar("Answer")
Item = TypeVar("Item")


class Api:
    """One key of one tenant.

    Args:
        address: the product's address.
        key: the API key.
    """

    def __init__(self, address: str, *, key: str) -> None:
        self._http = httpx2.Client(
            base_url=f"{address}/api/v1/",
            headers={"authorization": f"Bearer {key}"},
            verify=tls_context(),
            trust_env=False,
            timeout=30,
            follow_redirects=False,
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        kind: type[Answer],
        *,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one call.

        Raises:
            AssertionError: it was refused; holds what the API said.
        """
        response = self._http.request(method, path, json=body, params=dict(query or {}))
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return TypeAdapter(kind).validate_json(response.content)

    def get(self, path: str, kind: type[Answer], **query: str) -> Answer:
        """Read one thing."""
        return self.call("GET", path, kind, query=query)

    def all_of(self, path: str, kind: type[Page[Item]], **query: str) -> Iterator[Item]:
        """Read a list to its end, page by page."""
        cursor = ""
        while True:
            page = self.get(path, kind, limit="100", **query, **({"cursor": cursor} if cursor else {}))
            yield from page.items
            cursor = page.next_cursor
            if not cursor:
                return

    def conversations(self) -> list[ConversationView]:
        """List all conversations."""
        return list(self.all_of("conversations", Page[ConversationView], state="all"))

    def messages(self, conversation: ConversationView) -> list[MessageView]:
        """List a conversation's messages, oldest first."""
        return list(reversed(list(self.all_of(f"conversations/{conversation.id}/messages", Page[MessageView]))))

    def deliveries(self, **query: str) -> list[DeliveryView]:
        """List deliveries."""
        return list(self.all_of("deliveries", Page[DeliveryView], **query))


@dataclass(frozen=True, slots=True, kw_only=True)
class RestShop:
    """A tenant with an agent, connected to Slack and to a phone number; all of it done over REST."""

    api: Api
    sign_in_link: str
    """The owner's, good once."""
    agent: AgentView
    slack: ConnectionView
    twilio: ConnectionView
    number: str
    slack_app: SlackAppIdentity
    twilio_account: TwilioIdentity

    @property
    def events_url(self) -> str:
        """Where Slack posts events."""
        return _webhook_url(self.slack, "events")

    @property
    def sms_url(self) -> str:
        """Where Twilio posts text messages."""
        return _webhook_url(self.twilio, "sms")


def open_shop(product: Product, *, name: str, playbook: Sequence[tuple[str, str]], is_second: bool = False) -> RestShop:
    """Set a tenant up: ``patchbay bootstrap``, then nothing but REST.

    Args:
        product: the running product.
        name: the tenant's.
        playbook: questions and answers that the agent knows.
        is_second: take the sandbox's other Slack workspace and Twilio account.
    """
    owner = product.bootstrap(email=f"owner@{name.lower()}.example", tenant=name)
    api = Api(product.address, key=owner.api_key)
    identities = product.sandbox.identities
    app = identities.other_own_app if is_second else identities.own_app
    account = identities.other_twilio if is_second else identities.twilio
    agent = api.call("POST", "agents", AgentView, body={"name": "Bri", "purpose": "Creator operations"})
    entries = [{"question": question, "answer": answer} for question, answer in playbook]
    api.call("PUT", f"agents/{agent.id}/playbook", dict[str, object], body={"entries": entries})

    def connect(provider: str, values: Mapping[str, str]) -> ConnectionView:
        body = {"provider": provider, "scheme": "keys", "agent_id": str(agent.id), "values": values}
        return api.call("POST", "connections", ConnectionView, body=body)

    slack = connect("slack", {"bot_token": app.bot_token, "signing_secret": app.signing_secret})
    twilio = connect("twilio", {"account_sid": account.account_sid, "auth_token": account.auth_token})
    number = twilio.numbers[0]
    twilio = api.call(
        "PUT", f"connections/{twilio.id}/numbers/{number.id}", ConnectionView, body={"agent_id": str(agent.id)}
    )
    return RestShop(
        api=api,
        sign_in_link=owner.sign_in_link,
        agent=agent,
        slack=slack,
        twilio=twilio,
        number=number.number,
        slack_app=app,
        twilio_account=account,
    )


def _webhook_url(connection: ConnectionView, kind: str) -> str:
    return next(item.url for item in connection.webhook_urls if item.kind == kind)
