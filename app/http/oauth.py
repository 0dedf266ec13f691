"""The two addresses of connecting by consent: out to the provider, and back.

Both redirect; a walk in a window of its own ends on a small page that tells its opener and closes. Nothing of a
request is repeated in an answer: the way back is a path of ours with a code from a closed list, and the page turns the
code into a sentence.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

from fastapi import APIRouter, HTTPException, Request, Response

from app.http.deps import actor_from_cookie
from app.http.oauth_popup import render_popup
from services import connections
from services.connections import OAuthOutcome
from services.kernel.errors import NotFound, Refused
from services.kernel.kernel import Kernel
from services.provider_kit.registry import get_manifest, slug_of

_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_FOREIGN_SITES = frozenset({"cross-site", "same-site"})
_MAX_PARAMETERS = 50


def create_oauth_router(kernel: Kernel) -> APIRouter:
    """Return the routes; the handlers are synchronous, so FastAPI runs them in threads."""
    router = APIRouter(prefix="/api/admin/ai-agents", include_in_schema=False, redirect_slashes=False)

    @router.get("/integrations/{provider}/oauth")
    def begin(provider: str, request: Request) -> Response:
        """Send the browser to the provider's consent page."""
        return _begin(provider, request, agent_id=_id_of(request, "agent_id", "agent"))

    @router.get("/{agent_id}/integrations/{provider}/oauth")
    def begin_for_agent(agent_id: str, provider: str, request: Request) -> Response:
        """Send the browser to the provider's consent page, for the agent in the address."""
        return _begin(provider, request, agent_id=_read_id(agent_id, "agent"))

    def _begin(provider: str, request: Request, *, agent_id: UUID | None) -> Response:
        slug = _slug(provider)
        # A GET that changes something: only our own pages may lead here (Fetch Metadata, W3C).
        if request.headers.get("sec-fetch-site", "") in _FOREIGN_SITES:
            raise _problem(HTTPStatus.FORBIDDEN, "Start connecting from the page of your agent.")
        actor = actor_from_cookie(kernel, request)
        if actor is None:
            return _go("/login/")
        is_popup = request.query_params.getlist("popup") == ["1"]
        try:
            address = connections.begin_oauth(
                kernel,
                actor=actor,
                provider=slug,
                agent_id=agent_id,
                app_id=_id_of(request, "app_id", "app"),
                connection_id=_id_of(request, "connection_id", "connection"),
                is_popup=is_popup,
            )
        except NotFound as error:
            raise _problem(HTTPStatus.NOT_FOUND, error.message) from error
        except Refused as error:
            refused = OAuthOutcome(
                ok=False, code=error.code, message=error.message, agent_id=agent_id, is_popup=is_popup
            )
            return _end(kernel, refused, slug)
        return _go(address)

    @router.get("/integrations/{provider}/oauth/callback")
    def finish(provider: str, request: Request) -> Response:
        """Take the browser back from the provider."""
        slug = _slug(provider)
        actor = actor_from_cookie(kernel, request)
        try:
            outcome = connections.finish_oauth(kernel, actor=actor, provider=slug, query=_query(request))
        except NotFound as error:
            raise _problem(HTTPStatus.NOT_FOUND, error.message) from error
        return _go("/login/") if actor is None else _end(kernel, outcome, slug)

    return router


def _slug(provider: str) -> str:
    """Return the slug as the registry spells it, never as the request does."""
    try:
        return get_manifest(slug_of(provider)).slug
    except NotFound as error:
        raise _problem(HTTPStatus.NOT_FOUND, "There is no such provider.") from error


def _id_of(request: Request, name: str, noun: str) -> UUID | None:
    given = request.query_params.getlist(name)
    return _read_id(given[0] if len(given) == 1 else "", noun) if given else None


def _read_id(text: str, noun: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        # ``from None``: the cause quotes the request.
        raise _problem(HTTPStatus.NOT_FOUND, f"There is no such {noun}. Choose one from the list.") from None


def _query(request: Request) -> Mapping[str, Sequence[str]]:
    """Return the parameters with all their values; none if they cannot be told apart."""
    raw: bytes = request.scope["query_string"]
    try:
        return parse_qs(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        return {}


def _end(kernel: Kernel, outcome: OAuthOutcome, slug: str) -> Response:
    page = _way_back(outcome, slug)
    if not outcome.is_popup:
        return _go(page)
    return render_popup(outcome, provider=slug, page=page, origin=_origin(kernel))


def _origin(kernel: Kernel) -> str:
    parts = urlsplit(kernel.settings.public_url)
    return f"{parts.scheme}://{parts.netloc}"


def _way_back(outcome: OAuthOutcome, slug: str) -> str:
    if outcome.ok:
        return _page(outcome.agent_id, {"connected": str(outcome.connection_id)})
    result = {"refused": outcome.code, "provider": slug}
    if outcome.attempt_id is not None:
        result["attempt"] = str(outcome.attempt_id)
    return _page(outcome.agent_id, result)


def _page(agent_id: UUID | None, result: Mapping[str, str]) -> str:
    path = f"/admin/ai-team/{agent_id}/integrations/" if agent_id else "/admin/integrations/"
    return f"{path}?{urlencode(result)}"


def _go(location: str) -> Response:
    return Response(status_code=HTTPStatus.SEE_OTHER, headers={**_HEADERS, "Location": location})


def _problem(status: HTTPStatus, message: str) -> HTTPException:
    return HTTPException(status, message, headers=_HEADERS)
