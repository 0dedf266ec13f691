"""The markup of the pages before sign-in: plain HTML on the product's own stylesheet, whole without JavaScript."""

import secrets
from dataclasses import dataclass
from html import escape

from fastapi.responses import HTMLResponse

_STYLE = """
.gate { min-height: 100vh; min-height: 100dvh; display: grid; align-content: center; justify-items: center; gap: 20px;
  padding: 24px 16px; max-width: none }
.gate .mark { display: flex; align-items: center; gap: 10px; font-weight: 600; font-size: var(--text-l) }
.gate .card { width: 100%; max-width: 424px; padding: 28px; display: grid; gap: 18px }
.gate h1 { font-size: var(--text-xl); line-height: 1.2 }
.gate .lead { color: var(--ink-2); margin-top: 6px }
.gate .form { max-width: none }
.gate .input { min-height: 44px }
.gate .btn { min-height: 44px; width: 100%; white-space: normal }
.gate .banner { margin: 0; display: block }
.gate .foot { color: var(--ink-3); font-size: var(--text-s); max-width: 424px; text-align: center }
.gate .foot a, .gate .lead a, .gate .banner a { color: var(--accent); text-decoration: underline }
@media (max-width: 420px) { .gate { align-content: start; padding-top: 32px } .gate .card { padding: 20px 16px } }
"""

# First, the theme before the first paint: Reflex keeps the choice under "theme". Then a fresh tab: Reflex keeps its
# state on the server under "token", and whoever signs in or out must not inherit it. Storage may be blocked.
_SCRIPT = """
let theme = "system"
try { theme = localStorage.getItem("theme") || theme; sessionStorage.removeItem("token") } catch (blocked) {}
const dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches)
document.documentElement.classList.add(dark ? "dark" : "light")
document.documentElement.style.colorScheme = dark ? "dark" : "light"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input of a form."""

    name: str
    label: str
    autocomplete: str
    kind: str = "text"
    help: str = ""
    value: str = ""
    """Never that of a password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong with what was sent: with one field, or as a whole."""

    message: str
    field: str = ""


def render_form(
    *,
    title: str,
    lead: str,
    action: str,
    fields: tuple[Field, ...],
    button: str,
    hidden: tuple[tuple[str, str], ...] = (),
    trouble: Trouble | None = None,
    notice: str = "",
    foot: str = "",
    status: int = 200,
) -> HTMLResponse:
    """Return a page with one form.

    Args:
        title: what the page is for.
        lead: one or two sentences below it.
        action: where the form goes.
        fields: its inputs, in order; the first one that is wrong has the focus, else the first empty one.
        button: the verb on the button.
        hidden: names and values that travel with it.
        trouble: what was wrong the last time.
        notice: what has just happened.
        foot: a sentence below the card.
        status: HTTP status.
    """
    focused = _focused(fields, trouble)
    is_known_field = trouble is not None and any(field.name == trouble.field for field in fields)
    inputs = [_input(field, trouble=trouble, is_focused=field.name == focused) for field in fields]
    body = [
        f'<form class="form" method="post" action="{escape(action)}" novalidate>',
        *(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in hidden),
        *inputs,
        f'<button class="btn primary" type="submit"{"" if fields else " autofocus"}>{escape(button)}</button>',
        "</form>",
    ]
    if notice:
        body.insert(0, f'<p class="banner ok" role="status">{escape(notice)}</p>')
    if trouble is not None and not is_known_field:
        body.insert(0, f'<p class="banner broken" role="alert">{escape(trouble.message)}</p>')
    return _page(title=title, lead=escape(lead), body="\n".join(body), foot=escape(foot), status=status)


def render_notice(
    *, title: str, text: str, status: int, link: tuple[str, str] | None = None, script: str = ""
) -> HTMLResponse:
    """Return a page that says one thing, and where to go from there.

    Args:
        title: what happened.
        text: what it means and what to do.
        status: HTTP status.
        link: an address and its words.
        script: what runs when it is shown; markup of our own making, never a request's.
    """
    address, words = link or ("/", "Go to Patchbay")
    body = f'<a class="btn" href="{escape(address)}">{escape(words)}</a>'
    return _page(title=title, lead=escape(text), body=body, foot="", status=status, script=script)


def _input(field: Field, *, trouble: Trouble | None, is_focused: bool) -> str:
    wrong = trouble is not None and trouble.field == field.name
    described = [f"{field.name}-error"] * wrong + [f"{field.name}-help"] * bool(field.help)
    attributes = {
        "class": "input",
        "id": field.name,
        "name": field.name,
        "type": field.kind,
        "autocomplete": field.autocomplete,
        "value": "" if field.kind == "password" else field.value,
    }
    if field.kind in ("email", "password"):
        attributes |= {"autocapitalize": "none", "spellcheck": "false"}
    if described:
        attributes["aria-describedby"] = " ".join(described)
    if wrong:
        attributes["aria-invalid"] = "true"
    written = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    parts = [
        '<div class="field">',
        f'<label for="{field.name}">{escape(field.label)}</label>',
        f"<input {written} required{' autofocus' if is_focused else ''}>",
    ]
    if wrong and trouble is not None:
        parts.append(f'<p class="error" id="{field.name}-error" role="alert">{escape(trouble.message)}</p>')
    if field.help:
        parts.append(f'<p class="help" id="{field.name}-help">{escape(field.help)}</p>')
    return "\n".join([*parts, "</div>"])


def _focused(fields: tuple[Field, ...], trouble: Trouble | None) -> str:
    names = [field.name for field in fields]
    if trouble is not None and trouble.field in names:
        return trouble.field
    empty = [field.name for field in fields if not field.value]
    return next(iter(empty), next(iter(names), ""))


def _page(*, title: str, lead: str, body: str, foot: str, status: int, script: str = "") -> HTMLResponse:
    nonce = secrets.token_urlsafe(16)
    html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} · Patchbay</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<script nonce="{nonce}">{_SCRIPT}</script>
<link rel="stylesheet" href="/patchbay.css">
<style nonce="{nonce}">{_STYLE}</style>
</head>
<body>
<main class="gate">
<p class="mark"><span class="jack" aria-hidden="true"></span>Patchbay</p>
<section class="card" aria-labelledby="title">
<div>
<h1 id="title">{escape(title)}</h1>
<p class="lead">{lead}</p>
</div>
{body}
</section>
{f'<p class="foot">{foot}</p>' if foot else ""}
</main>
{f'<script nonce="{nonce}">{script}</script>' if script else ""}
</body>
</html>
"""
    return HTMLResponse(html, status, headers=_headers(nonce))


def _headers(nonce: str) -> dict[str, str]:
    policy = (
        "default-src 'none'; "
        f"script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
        "img-src 'self' data:; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        # Not "no-referrer": browsers then send "Origin: null" with our own forms (Fetch standard, §3.2).
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
