"""Slack's message text in and out. https://docs.slack.dev/messaging/formatting-message-text/"""

import re

# Everything between angle brackets is Slack's: mentions, channels, links. Contacts' own < > & arrive escaped.
_BRACKETS = re.compile(r"<([^<>]*)>")


def read_text(text: str, *, bot_user_id: str, bot_name: str = "") -> str:
    """Return what a person sees in Slack, without a leading mention of the agent itself."""
    body = text.strip()
    if bot_user_id:
        body = re.sub(rf"^(?:<@{re.escape(bot_user_id)}(?:\|[^<>]*)?>[\s:,]*)+", "", body)

    def shown(match: re.Match[str]) -> str:
        target, _, label = match[1].partition("|")
        if bot_name and target == f"@{bot_user_id}":
            return f"@{bot_name}"
        return _shown(target, label)

    body = _BRACKETS.sub(shown, body)
    return body.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()


def mentions(text: str, *, user_id: str) -> bool:
    """Return whether the raw text mentions that user."""
    return bool(user_id) and (f"<@{user_id}>" in text or f"<@{user_id}|" in text)


def write_text(text: str) -> str:
    """Escape a text so that nothing in it can be a mention, a channel alert or a disguised link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _shown(target: str, label: str) -> str:
    if target.startswith("@"):
        return f"@{label or target[1:]}"
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        return label or f"@{target[1:].partition('^')[0]}"
    address = target.removeprefix("mailto:").removeprefix("tel:")
    return address if label in ("", target, address) else f"{label} ({address})"
