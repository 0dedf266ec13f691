"""Twilio's REST API as the sandbox plays it: pure rules over the state, one function a resource.

Shapes follow https://www.twilio.com/docs/messaging/api.
"""

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlencode

from app.sandbox.sms import count_segments
from app.sandbox.state import SandboxState, TwilioAccount, TwilioMessage, TwilioNumber
from app.sandbox.twilio_messages import TwilioError, is_url, send

Answer = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated call."""

    state: SandboxState
    account: TwilioAccount
    sid: str
    """The last id in the address, if it names one."""
    arguments: Mapping[str, str]
    path: str
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A resource and verb. ``name`` is what faults and the ledger call it."""

    name: str
    verb: str
    path: re.Pattern[str]
    run: Callable[[Call], Answer]
    status: int = 200


def find_route(verb: str, path: str) -> Route:
    """Return the route of an address below ``/2010-04-01``.

    Raises:
        TwilioError: there is none.
    """
    matching = [route for route in ROUTES if route.path.fullmatch(path)]
    if not matching:
        raise TwilioError(20404)
    found = next((route for route in matching if route.verb == verb), None)
    if found is None:
        raise TwilioError(20004)
    return found


def call_route(
    state: SandboxState,
    route: Route,
    *,
    path: str,
    credentials: tuple[str, str],
    arguments: Mapping[str, str],
    now: float,
) -> Answer:
    """Run a route for whoever the credentials name.

    Raises:
        TwilioError: as Twilio would refuse.
    """
    match = route.path.fullmatch(path)
    groups = match.groupdict() if match else {}
    account = next((item for item in state.twilio.accounts if item.sid == credentials[0]), None)
    if account is None or not hmac.compare_digest(account.auth_token.encode(), credentials[1].encode()):
        raise TwilioError(20003)
    if groups.get("account") != account.sid:
        raise TwilioError(20404)
    call = Call(state=state, account=account, sid=groups.get("sid", ""), arguments=arguments, path=path, now=now)
    try:
        return route.run(call)
    except ValueError as error:
        # A date or a page number that is none.
        raise TwilioError(20001) from error


def error_body(error: TwilioError) -> Answer:
    """Return an error as Twilio writes it."""
    return {
        "code": error.code,
        "message": error.message,
        "more_info": f"https://www.twilio.com/docs/errors/{error.code}",
        "status": error.status,
    }


def message_body(account: TwilioAccount, message: TwilioMessage) -> Answer:
    """Return a message as Twilio shows it."""
    uri = f"/2010-04-01/Accounts/{account.sid}/Messages/{message.sid}"
    return {
        "account_sid": account.sid,
        "api_version": "2010-04-01",
        "body": message.body,
        "date_created": _rfc2822(message.created_at),
        "date_sent": _rfc2822(message.sent_at),
        "date_updated": _rfc2822(message.updated_at),
        "direction": message.direction,
        "error_code": message.error_code,
        "error_message": "Message undelivered" if message.error_code else None,
        "from": message.sender,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": str(count_segments(message.body)),
        "price": None,
        "price_unit": "USD",
        "sid": message.sid,
        "status": message.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": message.to,
        "uri": f"{uri}.json",
    }


def _get_account(call: Call) -> Answer:
    sid, base = call.account.sid, f"/2010-04-01/Accounts/{call.account.sid}"
    return {
        "sid": sid,
        "owner_account_sid": sid,
        "friendly_name": call.account.friendly_name,
        "status": "active",
        "type": "Full",
        "auth_token": call.account.auth_token,
        "date_created": _rfc2822(0),
        "date_updated": _rfc2822(0),
        "uri": f"{base}.json",
        "subresource_uris": {"messages": f"{base}/Messages.json"},
    }


def _number_body(account: TwilioAccount, number: TwilioNumber) -> Answer:
    return {
        "sid": number.sid,
        "account_sid": account.sid,
        "phone_number": number.phone_number,
        "friendly_name": number.friendly_name,
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        "sms_url": number.sms_url,
        "sms_method": number.sms_method,
        "sms_fallback_url": "",
        "sms_fallback_method": "POST",
        "sms_application_sid": "",
        "voice_url": "",
        "voice_method": "POST",
        "status_callback": number.status_callback,
        "status_callback_method": "POST",
        "status": "in-use",
        "origin": "twilio",
        "beta": False,
        "address_requirements": "none",
        "api_version": "2010-04-01",
        "date_created": _rfc2822(0),
        "date_updated": _rfc2822(0),
        "uri": f"/2010-04-01/Accounts/{account.sid}/IncomingPhoneNumbers/{number.sid}.json",
    }


def _list_numbers(call: Call) -> Answer:
    wanted = call.arguments.get("PhoneNumber", "")
    numbers = [number for number in call.account.numbers if wanted in number.phone_number]
    return _page(call, "incoming_phone_numbers", [_number_body(call.account, number) for number in numbers])


def _find_number(call: Call) -> TwilioNumber:
    number = next((item for item in call.account.numbers if item.sid == call.sid), None)
    if number is None:
        raise TwilioError(20404)
    return number


def _get_number(call: Call) -> Answer:
    return _number_body(call.account, _find_number(call))


def _update_number(call: Call) -> Answer:
    number = _find_number(call)
    if not is_url(call.arguments.get("SmsUrl", ""), empty=True):
        raise TwilioError(21502)
    if not is_url(call.arguments.get("StatusCallback", ""), empty=True):
        raise TwilioError(21609)
    number.sms_url = call.arguments.get("SmsUrl", number.sms_url)
    number.sms_method = call.arguments.get("SmsMethod", number.sms_method).upper()
    number.status_callback = call.arguments.get("StatusCallback", number.status_callback)
    number.friendly_name = call.arguments.get("FriendlyName", number.friendly_name)
    return _number_body(call.account, number)


def _create_message(call: Call) -> Answer:
    message = send(call.state, call.account, direction="outbound-api", fields=call.arguments, now=call.now)
    return message_body(call.account, message)


def _get_message(call: Call) -> Answer:
    message = next((item for item in call.account.messages if item.sid == call.sid and not item.notice), None)
    if message is None:
        raise TwilioError(20404)
    return message_body(call.account, message)


def _list_messages(call: Call) -> Answer:
    wanted = call.arguments
    found = [
        message_body(call.account, message)
        for message in reversed(call.account.messages)
        if not message.notice
        and wanted.get("To", message.to) == message.to
        and wanted.get("From", message.sender) == message.sender
        and _in_dates(message, wanted)
    ]
    return _page(call, "messages", found)


def _in_dates(message: TwilioMessage, wanted: Mapping[str, str]) -> bool:
    sent = datetime.fromtimestamp(message.sent_at or message.created_at, UTC)
    return all(holds(sent, wanted[name]) for name, holds in _DATE_FILTERS.items() if wanted.get(name))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _page(call: Call, key: str, items: Sequence[Answer]) -> Answer:
    size = max(1, min(int(call.arguments.get("PageSize") or 50), 1000))
    page = int(call.arguments.get("Page") or 0)
    filters = {name: value for name, value in call.arguments.items() if name not in {"PageSize", "Page", "PageToken"}}

    def uri(number: int) -> str:
        token = {"PageToken": f"PA{number}"} if number else {}
        return f"/2010-04-01{call.path}?{urlencode({**filters, 'PageSize': size, 'Page': number, **token})}"

    start, end = page * size, min((page + 1) * size, len(items))
    return {
        key: items[start:end],
        "page": page,
        "page_size": size,
        "start": start,
        "end": max(end - 1, 0),
        "uri": uri(page),
        "first_page_uri": uri(0),
        "previous_page_uri": uri(page - 1) if page else None,
        "next_page_uri": uri(page + 1) if end < len(items) else None,
    }


def _rfc2822(moment: float | None) -> str | None:
    return None if moment is None else format_datetime(datetime.fromtimestamp(moment, UTC))


def parse_form(body: bytes) -> dict[str, str]:
    """Decode a form or a query."""
    return dict(parse_qsl(body.decode("utf-8", errors="replace"), keep_blank_values=True))


def _route(name: str, verb: str, path: str, run: Callable[[Call], Answer], *, status: int = 200) -> Route:
    pattern = path.replace("{account}", "(?P<account>AC[0-9a-f]{32})").replace("{sid}", "(?P<sid>[A-Z]{2}[0-9a-f]{32})")
    return Route(name=name, verb=verb, path=re.compile(pattern.replace(".json", r"\.json")), run=run, status=status)


_DATE_FILTERS: Mapping[str, Callable[[datetime, str], bool]] = {
    "DateSent": lambda sent, text: sent.date() == _moment(text).date(),
    "DateSent>": lambda sent, text: sent >= _moment(text),
    "DateSent<": lambda sent, text: sent <= _moment(text),
}


ROUTES: Sequence[Route] = (
    _route("accounts.get", "GET", "/Accounts/{account}.json", _get_account),
    _route("numbers.list", "GET", "/Accounts/{account}/IncomingPhoneNumbers.json", _list_numbers),
    _route("numbers.get", "GET", "/Accounts/{account}/IncomingPhoneNumbers/{sid}.json", _get_number),
    _route("numbers.update", "POST", "/Accounts/{account}/IncomingPhoneNumbers/{sid}.json", _update_number),
    _route("messages.list", "GET", "/Accounts/{account}/Messages.json", _list_messages),
    _route("messages.create", "POST", "/Accounts/{account}/Messages.json", _create_message, status=201),
    _route("messages.get", "GET", "/Accounts/{account}/Messages/{sid}.json", _get_message),
)
