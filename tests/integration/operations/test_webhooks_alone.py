"""The webhook line in a process of its own can be probed like the whole."""

from starlette.testclient import TestClient

from app.edge import Edge
from app.http.probes import create_probe_app
from app.http.webhooks import PREFIX, create_webhook_app
from services.kernel.kernel import build_kernel
from services.kernel.settings import Settings


def test_it_answers_probes_and_webhooks_and_nothing_else(settings: Settings) -> None:
    kernel = build_kernel(settings)
    edge = Edge(settings, webhooks=create_webhook_app(kernel), webhook_prefix=PREFIX, pages=create_probe_app(kernel))
    with TestClient(edge, base_url=settings.public_url, client=("127.0.0.1", 50000)) as client:
        assert client.get("/healthz").text == "ok\n"
        assert client.get("/readyz").status_code == 200
        assert "patchbay_database_up 1.0" in client.get("/metrics").text
        assert client.post(f"{PREFIX}slack/unknown/events").status_code in (404, 415)
        answer = client.get("/login")
    assert (answer.status_code, answer.text) == (404, "This process serves webhooks only.\n")
