"""Runs ``oidc-provider-mock`` as a process of its own, and makes it a provider for as long as a test lasts."""

import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2

import services.providers
from services.provider_kit import registry

SLUG = "oidcmock"
_PROVIDERS = Path(__file__).parent
_START_SECONDS = 20.0


class Peer:
    """The server, and the person in front of it.

    Args:
        base_url: its address, without a trailing slash.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._http = httpx2.Client(base_url=base_url, trust_env=False, follow_redirects=False, timeout=10)

    def urls(self) -> dict[str, str]:
        """Return the addresses as the product's settings name them."""
        return {
            f"{SLUG}_api": self.base_url,
            f"{SLUG}_authorize": f"{self.base_url}/oauth2/authorize",
            f"{SLUG}_token": f"{self.base_url}/oauth2/token",
        }

    def consent(self, consent_url: str, *, subject: str = "alice") -> str:
        """Sign in and agree; return where the browser is sent back to."""
        return self._answer(consent_url, {"sub": subject})

    def deny(self, consent_url: str) -> str:
        """Say no; return where the browser is sent back to."""
        return self._answer(consent_url, {"action": "deny"})

    def revoke(self, subject: str) -> None:
        """Take all of a person's tokens back."""
        assert self._http.post(f"/users/{subject}/revoke-tokens").status_code == 204

    def wait_until_up(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait until it answers.

        Raises:
            AssertionError: it does not, or has ended.
        """
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                self._http.get("/.well-known/openid-configuration").raise_for_status()
            except httpx2.HTTPError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("oidc-provider-mock did not come up.")

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _answer(self, consent_url: str, form: dict[str, str]) -> str:
        response = self._http.post(consent_url, data=form)
        assert response.status_code == 302, response.text
        return response.headers["location"]


@contextmanager
def running_peer() -> Generator[Peer]:
    """Run the peer on a free port, and let the registry find it as a provider, until the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peer = Peer(f"http://127.0.0.1:{port}")
    try:
        peer.wait_until_up(process)
        with _registered():
            yield peer
    finally:
        peer.close()
        process.terminate()
        process.wait(timeout=10)


@contextmanager
def _registered() -> Generator[None]:
    services.providers.__path__.append(str(_PROVIDERS))
    registry.forget()
    try:
        yield
    finally:
        services.providers.__path__.remove(str(_PROVIDERS))
        registry.forget()
        for name in [name for name in sys.modules if name.startswith(f"services.providers.{SLUG}")]:
            del sys.modules[name]
