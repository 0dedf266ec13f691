"""What routes ask for: the kernel, and who is calling."""

from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.origins import allowed_origins
from services.kernel.errors import Forbidden, Unauthenticated
from services.kernel.kernel import Kernel
from services.tenants import Actor, authenticate_api_key, find_actor_by_session, session_cookie_name

_bearer = HTTPBearer(
    scheme_name="apiKey",
    bearerFormat="pb_live_…",
    description="An API key, made with `patchbay bootstrap`. It acts in its tenant with the rights of its role.",
    auto_error=False,
)


def get_kernel(request: Request) -> Kernel:
    """Return the kernel the application was created with."""
    return cast(Kernel, request.app.state.kernel)


KernelDep = Annotated[Kernel, Depends(get_kernel)]


def bearer_actor(
    kernel: KernelDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Actor:
    """Return who is behind the API key.

    Raises:
        Unauthenticated: there is none, or it is not valid.
    """
    if credentials is None:
        raise Unauthenticated("Send an API key as “Authorization: Bearer pb_live_…”.", code="api_key_missing")
    return authenticate_api_key(kernel, credentials.credentials)


def session_token(request: Request, kernel: KernelDep) -> str:
    """Return the session token in the request's cookie; empty if there is none."""
    return request.cookies.get(session_cookie_name(kernel.settings), "")


SessionToken = Annotated[str, Depends(session_token)]


def actor_from_cookie(kernel: Kernel, request: Request) -> Actor | None:
    """Return who is behind the request's session cookie, or None; blocks for a query, so call it in a thread."""
    token = session_token(request, kernel)
    return find_actor_by_session(kernel, token) if token else None


def find_cookie_actor(kernel: KernelDep, request: Request) -> Actor | None:
    """Return who is behind the session cookie, or None; FastAPI runs it in a thread."""
    return actor_from_cookie(kernel, request)


BearerActor = Annotated[Actor, Depends(bearer_actor)]
MaybeCookieActor = Annotated[Actor | None, Depends(find_cookie_actor)]


def require_same_origin(request: Request, kernel: KernelDep) -> None:
    """Let a state-changing request pass that comes from one of our own pages.

    Browsers send ``Origin`` with every POST; where a privacy setting removes it, ``Sec-Fetch-Site`` stands in, which
    no page can forge (Fetch Metadata, W3C). Neither means: not from a browser's page of ours.

    Raises:
        Forbidden: it comes from elsewhere, or does not say from where.
    """
    origin = request.headers.get("origin")
    if origin is not None:
        is_own = origin in allowed_origins(kernel.settings)
    else:
        is_own = request.headers.get("sec-fetch-site") == "same-origin"
    if not is_own:
        raise Forbidden(
            f"This form was not sent from Patchbay's own page. Open {kernel.settings.public_url} and try again there.",
            code="foreign_origin",
        )
