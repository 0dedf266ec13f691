"""Setting up, signing in and out: plain routes and plain forms, because only a full page load can set a cookie."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from app import routes
from app.http.deps import KernelDep, MaybeCookieActor, SessionToken, require_same_origin
from app.http.entry_page import Field, Trouble, render_form, render_notice
from app.http.problems import problem_of
from services.kernel.errors import Conflict, InvalidInput, PatchbayError, RetryLater, Unauthenticated
from services.kernel.kernel import Kernel, connect_redis
from services.kernel.secret import Secret
from services.tenants import (
    SetupForm,
    SignedIn,
    SignInLimiter,
    is_set_up,
    is_setup_link_usable,
    is_sign_in_link_usable,
    redeem_setup,
    session_cookie_name,
    sign_in,
    sign_in_with_link,
    sign_out,
)

_TYPED = Annotated[str, Form()]
_OWN_FORM = [Depends(require_same_origin)]
_PASSWORD_HELP = "At least 15 characters. Four unrelated words are easy to remember and hard to guess."


def create_sign_in_router(kernel: Kernel) -> APIRouter:
    """Return the routes that open and close browser sessions."""
    router = APIRouter(default_response_class=HTMLResponse)
    limiter = SignInLimiter(connect_redis(kernel.settings))

    @router.post(routes.LOGIN, dependencies=_OWN_FORM)
    def post_login(  # pyright: ignore[reportUnusedFunction]
        request: Request, kernel: KernelDep, before: SessionToken, email: _TYPED = "", password: _TYPED = ""
    ) -> Response:
        address = request.client.host if request.client else ""
        try:
            signed_in = sign_in(kernel, email, Secret(password), limiter=limiter, address=address)
        except (Unauthenticated, RetryLater) as error:
            return _login_page(kernel, email=email, error=error)
        return _enter(kernel, signed_in, before=before)

    for address in (routes.LOGIN, f"{routes.LOGIN}/"):  # pages' addresses end in a slash, so people type one
        router.add_api_route(address, get_login, methods=["GET"])
    router.add_api_route(routes.LOGOUT, post_logout, methods=["POST"], dependencies=_OWN_FORM)
    router.add_api_route("/login/link/{token}", get_link, methods=["GET"])
    router.add_api_route("/login/link/{token}", post_link, methods=["POST"], dependencies=_OWN_FORM)
    router.add_api_route("/setup", get_setup, methods=["GET"])
    router.add_api_route("/setup", post_setup, methods=["POST"], dependencies=_OWN_FORM)
    return router


def get_login(kernel: KernelDep, actor: MaybeCookieActor, ended: str = "", left: str = "") -> Response:
    """Show the sign-in form; who is signed in already goes on."""
    if actor:
        return _redirect(routes.TEAM + "/")
    return _login_page(kernel, notice=_ended_words(left) if ended == routes.COMPANY_DELETED else "")


def post_logout(kernel: KernelDep, token: SessionToken) -> Response:
    """End the session and forget the cookie."""
    if token:
        sign_out(kernel, token)
    response = _redirect(routes.LOGIN)
    _set_cookie(kernel, response, "", max_age=0)
    return response


def get_link(kernel: KernelDep, token: str) -> Response:
    """Show a button: opening the address, as previews of links do, must not use it up."""
    if not is_sign_in_link_usable(kernel, token):
        return _dead_link("This sign-in link has been used or is too old: it works once, within 60 minutes.")
    return render_form(
        title="Sign in",
        lead="This link signs you in once, in this browser.",
        action=f"/login/link/{quote(token, safe='')}",
        fields=(),
        button="Sign in",
    )


def post_link(kernel: KernelDep, before: SessionToken, token: str) -> Response:
    """Sign in with the link."""
    try:
        signed_in = sign_in_with_link(kernel, token)
    except Unauthenticated as error:
        return _dead_link(error.message)
    return _enter(kernel, signed_in, before=before)


def get_setup(kernel: KernelDep, token: str = "") -> Response:
    """Show the form for the first company and its owner."""
    if is_setup_link_usable(kernel, token):
        return _setup_page(token)
    if is_set_up(kernel):
        return render_notice(
            title="Patchbay is set up",
            text="Somebody has set it up already. Sign in with your e-mail address and password.",
            status=410,
            link=(routes.LOGIN, "Sign in"),
        )
    return _dead_link(
        "This set-up link has been used or is too old: it works once, within 60 minutes. Start Patchbay again"
        " to print a new one."
    )


def post_setup(
    kernel: KernelDep,
    before: SessionToken,
    token: _TYPED = "",
    tenant_name: _TYPED = "",
    name: _TYPED = "",
    email: _TYPED = "",
    password: _TYPED = "",
) -> Response:
    """Create the company and its owner, and sign the owner in."""
    form = SetupForm(tenant_name=tenant_name, name=name, email=email, password=Secret(password))
    try:
        signed_in = redeem_setup(kernel, token, form)
    except (Unauthenticated, Conflict) as error:
        return _dead_link(error.message)
    except (InvalidInput, RetryLater) as error:
        return _setup_page(token, form=form, error=error)
    return _enter(kernel, signed_in, before=before)


def _ended_words(left: str) -> str:
    """Return what is said to somebody whose company was just deleted; the address may be anybody's invention."""
    said = "The company is deleted, and you are signed out."
    count = int(left) if left.isascii() and left.isdecimal() and len(left) < 4 else 0
    if not count:
        return said
    where = "one service" if count == 1 else f"{count} services"
    return f"{said} At {where} our access could not be given back: remove Patchbay, or change the keys, there."


def _login_page(kernel: Kernel, *, email: str = "", error: PatchbayError | None = None, notice: str = "") -> Response:
    foot = "" if is_set_up(kernel) else "Patchbay is not set up yet. Open the set-up link that its start printed."
    return render_form(
        title="Sign in",
        lead="Use the e-mail address of your Patchbay account.",
        action=routes.LOGIN,
        fields=(
            Field(name="email", label="E-mail address", kind="email", autocomplete="username", value=email[:254]),
            Field(name="password", label="Password", kind="password", autocomplete="current-password"),
        ),
        button="Sign in",
        trouble=_trouble(error),
        notice=notice,
        foot=foot,
        status=problem_of(error).status if error else 200,
    )


def _setup_page(token: str, *, form: SetupForm | None = None, error: PatchbayError | None = None) -> Response:
    return render_form(
        title="Set up Patchbay",
        lead="Name your company and create the account that owns it. More people can join later.",
        action="/setup",
        hidden=(("token", token),),
        fields=(
            Field(
                name="tenant_name",
                label="Company",
                autocomplete="organization",
                value=form.tenant_name[:200] if form else "",
            ),
            Field(name="name", label="Your name", autocomplete="name", value=form.name[:200] if form else ""),
            Field(
                name="email",
                label="E-mail address",
                kind="email",
                autocomplete="username",
                help="You sign in with it.",
                value=form.email[:254] if form else "",
            ),
            Field(
                name="password",
                label="Password",
                kind="password",
                autocomplete="new-password",
                help=_PASSWORD_HELP,
            ),
        ),
        button="Create account",
        trouble=_trouble(error),
        status=problem_of(error).status if error else 200,
    )


def _dead_link(text: str) -> Response:
    return render_notice(
        title="This link does not work any more", text=text, status=410, link=(routes.LOGIN, "Go to sign in")
    )


def _trouble(error: PatchbayError | None) -> Trouble | None:
    if error is None:
        return None
    return Trouble(message=error.message, field=error.field if isinstance(error, InvalidInput) else "")


def _enter(kernel: Kernel, signed_in: SignedIn, *, before: str) -> Response:
    """Give the browser its new session, end the one it had, and go to the pages."""
    if before:
        sign_out(kernel, before)
    response = _redirect(routes.TEAM + "/")
    _set_cookie(kernel, response, signed_in.session_token.reveal())
    return response


def _set_cookie(kernel: Kernel, response: Response, value: str, *, max_age: int | None = None) -> None:
    """Set the session cookie; without an age it ends with the browser, and on the server in any case."""
    response.set_cookie(
        session_cookie_name(kernel.settings),
        value,
        max_age=max_age,
        path="/",
        secure=kernel.settings.secure_cookies,
        httponly=True,
        samesite="lax",
    )


def _redirect(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303, headers={"Cache-Control": "no-store"})
