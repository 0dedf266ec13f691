"""Makes a letter's HTML safe to look at: an allow-list, nothing from elsewhere, and a frame that runs nothing.

Three walls, of which each would do: the sanitiser, the document's Content-Security-Policy, and the frame's ``sandbox``.
"""

from dataclasses import dataclass

import nh3

MAX_CHARACTERS = 1_000_000
MAX_TAGS = 20_000
"""Sanitising takes the square of the nesting: 20,000 nested tags take half a second, newsletters have a tenth."""
FRAME_SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
"""The ``sandbox`` of the frame that shows a document: links open in a tab of their own, and nothing else is allowed."""

_TAGS = frozenset(
    {
        *("a", "abbr", "address", "article", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "cite"),
        *("code", "col", "colgroup", "dd", "del", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font"),
        *("footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li", "main", "mark"),
        *("ol", "p", "pre", "q", "s", "samp", "section", "small", "span", "strike", "strong", "sub", "sup", "table"),
        *("tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr"),
    }
)
_DROPPED_WHOLE = frozenset(
    {
        *("script", "style", "title", "head", "template", "noscript", "svg", "math", "iframe", "object", "embed"),
        *("select", "textarea", "button", "audio", "video", "canvas", "frameset", "noframes", "xmp", "plaintext"),
    }
)
"""Their content is no text of the letter either."""
_LOOKS = {"align", "valign", "width", "height", "bgcolor", "dir", "lang", "style", "title"}
_ATTRIBUTES = {
    "*": _LOOKS,
    "a": {"href"},
    "img": {"src", "alt", "border"},
    "table": {"border", "cellpadding", "cellspacing", "summary"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap", "scope"},
    "col": {"span"},
    "colgroup": {"span"},
    "font": {"color", "face", "size"},
    "ol": {"start", "type", "reversed"},
    "ul": {"type"},
    "li": {"value"},
    "time": {"datetime"},
}
_STYLES = frozenset(
    {
        *("background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left"),
        *("border-radius", "border-right", "border-spacing", "border-style", "border-top", "border-width", "color"),
        *("direction", "display", "font", "font-family", "font-size", "font-style", "font-weight", "height"),
        *("letter-spacing", "line-height", "list-style-type", "margin", "margin-bottom", "margin-left"),
        *("margin-right", "margin-top", "max-width", "min-width", "padding", "padding-bottom", "padding-left"),
        *("padding-right", "padding-top", "table-layout", "text-align", "text-decoration", "text-indent"),
        *("text-transform", "vertical-align", "white-space", "width", "word-break", "word-wrap", "overflow-wrap"),
    }
)
"""None that takes an address: no background pictures, fonts or cursors; none that moves things over others."""
_INLINE_PICTURES = (
    "data:image/png;base64,",
    "data:image/jpeg;base64,",
    "data:image/gif;base64,",
    "data:image/webp;base64,",
)
_LINK_SCHEMES = ("https:", "http:", "mailto:", "tel:")
_SCHEMES = frozenset({"https", "http", "mailto", "tel", "data", "cid"})
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src {images}; base-uri 'none'; form-action 'none'"
_STYLE = (
    "html{background:#fff;color:#1c1c1c;color-scheme:light}"
    "body{margin:0;padding:16px;font:14px/1.55 system-ui,sans-serif;overflow-wrap:anywhere}"
    "img{max-width:100%;height:auto}blockquote{margin:0 0 0 8px;padding-left:12px;border-left:2px solid #ddd}"
)


@dataclass(frozen=True, slots=True)
class SafeHtml:
    """A letter's HTML without what could harm, and how many pictures from elsewhere it lacks."""

    html: str
    blocked_images: int


def safe_html(html: str, *, show_images: bool = False) -> SafeHtml:
    """Return a letter's HTML by an allow-list; links open elsewhere and do not say where they come from.

    Args:
        html: as it came.
        show_images: lets pictures be fetched from elsewhere, over https; their senders then learn that, when and from
            where the letter was read.

    Returns:
        What may be shown; empty if there is too much of it.
    """
    if len(html) > MAX_CHARACTERS or html.count("<") > MAX_TAGS:
        return SafeHtml("", 0)
    blocked = 0

    def keep(tag: str, attribute: str, value: str) -> str | None:
        nonlocal blocked
        if attribute == "href":
            return value if _squeezed(value).startswith(_LINK_SCHEMES) else None
        if attribute == "style":
            return None if _names_address(value) else value
        if (tag, attribute) != ("img", "src"):
            return value
        source = _squeezed(value)
        if source.startswith(_INLINE_PICTURES) or (show_images and source.startswith("https:")):
            return value
        blocked += source.startswith(("https:", "http:"))
        return None

    cleaned = nh3.clean(
        html,
        tags=set(_TAGS),
        clean_content_tags=set(_DROPPED_WHOLE),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=keep,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_schemes=set(_SCHEMES),
        url_relative="deny",
        filter_style_properties=set(_STYLES),
    )
    return SafeHtml(cleaned, blocked)


def frame_document(safe: SafeHtml, *, show_images: bool = False) -> str:
    """Return a whole document for the ``srcdoc`` of a frame with :data:`FRAME_SANDBOX`; empty if nothing is shown."""
    if not safe.html.strip():
        return ""
    policy = _POLICY.format(images="data: https:" if show_images else "data:")
    return (
        '<!doctype html><html><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="referrer" content="no-referrer">'
        f"<style>{_STYLE}</style></head><body>{safe.html}</body></html>"
    )


def _squeezed(value: str) -> str:
    """Return an address as browsers read it: without control characters and white space, in lower case."""
    return "".join(character for character in value[:200] if character > " ").lower()


def _names_address(style: str) -> bool:
    """Return whether a style could load something; backslashes could hide that it does."""
    lower = style.lower()
    return "url" in lower or "\\" in lower or "image" in lower or "expression" in lower
