"""The first set-up and the bootstrap: once, complete, and audited."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import select

from models import ApiKey, AuditEntry, DataKey, OneTimeLink, Role, Tenant, User
from services.kernel.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.tenants import (
    SetupForm,
    authenticate_api_key,
    bootstrap,
    create_setup_link,
    create_sign_in_link,
    find_actor_by_session,
    get_tenant,
    is_setup_link_usable,
    redeem_setup,
    sign_in_with_link,
)
from tests.support.clock import FakeClock

PASSWORD = "four unrelated words do"


def _form(
    *, email: str = "Ana@Example.com ", password: str = PASSWORD, tenant_name: str = "  Acme   Works "
) -> SetupForm:
    return SetupForm(tenant_name=tenant_name, name="Ana", email=email, password=Secret(password))


def _token(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]


def _link_token(link: str) -> str:
    return link.rpartition("/")[2]


def test_setup_makes_a_tenant_with_owner_key_and_session(kernel: Kernel) -> None:
    link = create_setup_link(kernel)
    assert link.startswith("http://127.0.0.1:8000/setup?token=")
    signed_in = redeem_setup(kernel, _token(link), _form())
    assert signed_in.actor.role is Role.OWNER
    assert get_tenant(kernel, actor=signed_in.actor).name == "Acme Works"
    assert find_actor_by_session(kernel, signed_in.session_token.reveal()) == signed_in.actor
    with kernel.unscoped_session("test") as session:
        user = session.exec(select(User)).one()
        assert (user.email, user.name) == ("ana@example.com", "Ana")
        assert user.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert len(session.exec(select(DataKey)).all()) == 1
        actions = session.exec(select(AuditEntry.action).order_by(AuditEntry.id)).all()  # pyright: ignore[reportArgumentType]
        assert actions == ["tenant.created", "member.added"]


def test_setup_link_works_once(kernel: Kernel) -> None:
    token = _token(create_setup_link(kernel))
    redeem_setup(kernel, token, _form())
    with pytest.raises(Unauthenticated, match="used or is too old"):
        redeem_setup(kernel, token, _form(email="eve@example.com"))
    with pytest.raises(Conflict, match="set up already"):
        create_setup_link(kernel)


def test_setup_link_raced_makes_one_tenant(kernel: Kernel) -> None:
    token = _token(create_setup_link(kernel))

    def redeem(number: int) -> bool:
        try:
            redeem_setup(kernel, token, _form(email=f"ana{number}@example.com"))
        except (Unauthenticated, Conflict):
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(redeem, range(4)))
    assert sorted(outcomes) == [False, False, False, True]
    with kernel.unscoped_session("test") as session:
        assert len(session.exec(select(Tenant)).all()) == 1


def test_setup_link_dies_after_an_hour(kernel: Kernel, clock: FakeClock) -> None:
    token = _token(create_setup_link(kernel))
    clock.advance(timedelta(minutes=59))
    assert is_setup_link_usable(kernel, token)
    clock.advance(timedelta(minutes=1))
    assert not is_setup_link_usable(kernel, token)
    with pytest.raises(Unauthenticated):
        redeem_setup(kernel, token, _form())


def test_new_setup_link_voids_the_old(kernel: Kernel) -> None:
    old = _token(create_setup_link(kernel))
    new = _token(create_setup_link(kernel))
    with pytest.raises(Unauthenticated):
        redeem_setup(kernel, old, _form())
    redeem_setup(kernel, new, _form())


WRONG_FORMS = (
    (_form(password="short"), "password", "at least 15 characters; this one has 5"),
    (_form(password="x" * 257), "password", "at most 256"),
    (_form(password="abababababababababab"), "password", "easy to guess"),
    (_form(password="ana.long.name@example.com", email="ana.long.name@example.com"), "password", "not a name"),
    (_form(email="ana"), "email", "such as ana@example.com"),
    (_form(email="a\x00na@example.com"), "email", "such as"),
    (_form(email=""), "email", "Enter your e-mail"),
    (_form(tenant_name="  "), "tenant_name", "Enter your company's name"),
    (_form(tenant_name="x" * 101), "tenant_name", "at most 100"),
    (_form(tenant_name="Ac\x00me"), "tenant_name", "cannot be shown"),
)


def test_wrong_field_is_named_and_the_link_stays(kernel: Kernel) -> None:
    token = _token(create_setup_link(kernel))
    for form, field, words in WRONG_FORMS:
        with pytest.raises(InvalidInput, match=words) as caught:
            redeem_setup(kernel, token, form)
        assert caught.value.field == field
    assert is_setup_link_usable(kernel, token)


def test_longest_password_and_unicode_are_accepted(kernel: Kernel) -> None:
    redeem_setup(
        kernel, _token(create_setup_link(kernel)), _form(password="日本語のとても長い合い言葉です" + "é" * 241)
    )


def test_garbage_for_a_setup_token_is_refused(kernel: Kernel) -> None:
    create_setup_link(kernel)
    for token in ("", "x", "\x00", "ü" * 20, "a" * 5000, "' OR 1=1 --"):
        assert not is_setup_link_usable(kernel, token)
        with pytest.raises(Unauthenticated):
            redeem_setup(kernel, token, _form())


def test_no_token_is_stored_readable(kernel: Kernel) -> None:
    token = _token(create_setup_link(kernel))
    with kernel.unscoped_session("test") as session:
        assert token not in str(session.exec(select(OneTimeLink)).one())


def test_bootstrap_gives_key_and_link(kernel: Kernel) -> None:
    result = bootstrap(kernel, email="Ana.Lopez@Example.com", tenant="Acme")
    actor = authenticate_api_key(kernel, result.api_key.reveal())
    assert (actor.tenant_id, actor.kind, actor.role) == (result.tenant_id, "api_key", Role.OWNER)
    signed_in = sign_in_with_link(kernel, _link_token(result.sign_in_link))
    assert (signed_in.actor.id, signed_in.actor.label) == (result.user_id, "Ana Lopez")
    with pytest.raises(Unauthenticated, match="used or is too old"):
        sign_in_with_link(kernel, _link_token(result.sign_in_link))
    with kernel.unscoped_session("test") as session:
        row = session.exec(select(ApiKey)).one()
        assert row.prefix == result.api_key.reveal()[:12]
        assert result.api_key.reveal() not in str(row)


def test_bootstrap_again_conflicts_and_leaves_nothing(kernel: Kernel) -> None:
    bootstrap(kernel, email="ana@example.com", tenant="Acme")
    with pytest.raises(Conflict, match="Sign in at /login, or bootstrap with another address"):
        bootstrap(kernel, email="ANA@example.com", tenant="Other")
    with kernel.unscoped_session("test") as session:
        assert len(session.exec(select(Tenant)).all()) == 1


def test_bootstrap_ends_the_setup_link(kernel: Kernel) -> None:
    token = _token(create_setup_link(kernel))
    bootstrap(kernel, email="ana@example.com", tenant="Acme")
    with pytest.raises(Unauthenticated):
        redeem_setup(kernel, token, _form(email="eve@example.com"))


def test_second_tenant_can_be_bootstrapped(kernel: Kernel) -> None:
    first = bootstrap(kernel, email="ana@example.com", tenant="Acme")
    second = bootstrap(kernel, email="ben@example.com", tenant="Acme")
    assert first.tenant_id != second.tenant_id


def test_sign_in_link_dies_after_an_hour(kernel: Kernel, clock: FakeClock) -> None:
    result = bootstrap(kernel, email="ana@example.com", tenant="Acme")
    clock.advance(timedelta(hours=1))
    with pytest.raises(Unauthenticated):
        sign_in_with_link(kernel, _link_token(result.sign_in_link))


def test_setup_token_does_not_sign_in(kernel: Kernel) -> None:
    token = _token(create_setup_link(kernel))
    with pytest.raises(Unauthenticated):
        sign_in_with_link(kernel, token)
    assert is_setup_link_usable(kernel, token)


def test_operator_makes_a_new_sign_in_link_for_somebody_who_is_locked_out(kernel: Kernel) -> None:
    result = bootstrap(kernel, email="ana@example.com", tenant="Northwind")
    link = create_sign_in_link(kernel, email=" Ana@Example.com ")
    signed_in = sign_in_with_link(kernel, link.rpartition("/")[2])
    assert (signed_in.actor.tenant_id, signed_in.actor.role) == (result.tenant_id, Role.OWNER)
    with pytest.raises(Unauthenticated):
        sign_in_with_link(kernel, link.rpartition("/")[2])
    with pytest.raises(NotFound):
        create_sign_in_link(kernel, email="nobody@example.com")
