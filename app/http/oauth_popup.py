"""How a consent page in a window of its own ends: it tells the page that opened it, and closes.

The page that opened it hears of it in two ways, because some providers' headers cut the tie between the two windows:
as a message to the opener, for our own origin only, and on a channel that only pages of our origin can read. Where
nobody listens, the window itself goes where a full-page walk would have ended.
"""

import json
from collections.abc import Mapping

from fastapi.responses import HTMLResponse

from app.http.entry_page import render_notice
from services.connections import OAuthOutcome

CHANNEL = "patchbay.oauth"
"""Name of the broadcast channel, and the message's ``type``."""
_LINGER_MS = 400

_SCRIPT = """
const result = {result}
try {{ if (window.opener) window.opener.postMessage(result, {origin}) }} catch (severed) {{}}
try {{
  const channel = new BroadcastChannel({channel})
  channel.postMessage(result)
  channel.close()
}} catch (unsupported) {{}}
window.close()
setTimeout(() => location.replace(result.page), {linger})
"""


def render_popup(outcome: OAuthOutcome, *, provider: str, page: str, origin: str) -> HTMLResponse:
    """Return the last page of a walk in its own window.

    Args:
        outcome: how the walk ended.
        provider: slug, as the registry spells it.
        page: path of ours where a full-page walk would have ended.
        origin: our own origin, from the settings.
    """
    result = {
        "type": CHANNEL,
        "ok": outcome.ok,
        "code": outcome.code,
        "provider": provider,
        "connection_id": str(outcome.connection_id) if outcome.connection_id else "",
        "page": page,
    }
    script = _SCRIPT.format(
        result=_literal(result), origin=_literal(origin), channel=_literal(CHANNEL), linger=_LINGER_MS
    )
    return render_notice(
        title="Connected" if outcome.ok else "Not connected",
        text=outcome.message,
        status=200,
        link=(page, "Go on in Patchbay"),
        script=script,
    )


def _literal(value: Mapping[str, object] | str) -> str:
    """Return a value as JavaScript that cannot end the script it stands in."""
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
