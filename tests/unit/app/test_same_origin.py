"""One build serves any address: what Reflex bakes into it is replaced by the page's own origin."""

from pathlib import Path

import pytest

from app.same_origin import SameOriginPlugin, use_own_origin

_BUILT = (
    "var e={PING:`http://localhost:8000/ping`,EVENT:`ws://localhost:8000/_event`,TRANSPORT:`websocket`};export{e as t};"
)


def test_addresses_follow_the_page() -> None:
    assert use_own_origin(_BUILT) == (
        'var e={PING:location.origin+"/ping",EVENT:location.origin.replace(/^http/,"ws")+"/_event",'
        "TRANSPORT:`websocket`};export{e as t};"
    )


def test_a_build_that_looks_different_fails_loudly() -> None:
    with pytest.raises(RuntimeError, match="no server address"):
        use_own_origin("export{};")


def test_a_build_without_the_file_fails_loudly(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    with pytest.raises(RuntimeError, match="reflex-env"):
        SameOriginPlugin().post_build(static_dir=tmp_path)


def test_the_built_file_is_rewritten(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    file = tmp_path / "assets" / "reflex-env-abc.js"
    file.write_text(_BUILT, encoding="utf-8")
    SameOriginPlugin().post_build(static_dir=tmp_path)
    assert "localhost" not in file.read_text(encoding="utf-8")
