"""Where owners are told: places behind the tenant's own connections."""

import re
from datetime import timedelta
from uuid import UUID

from models import Connection, ConnectionStatus, HealthNotice, NoticeKind, NoticeState, NoticeTarget
from services import audit, email
from services.connections import WORKING
from services.health import notice_repository
from services.health.notices import send_notice
from services.health.observing import request_observation
from services.health.views import NoticeTargetView, TestNoticeView
from services.health.words import tell_test
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, InvalidInput, NotFound, RetryLater
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.provider_kit import registry
from services.provider_kit.contract import Capability
from services.tenants import Actor, Permission, require

MAX_TARGETS = 20
_TEST_PAUSE = timedelta(seconds=5)
_TESTS_A_MINUTE = 10
_CHANNEL = re.compile(r"[!-~]{1,100}")
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_LABEL_LENGTH = 100


def list_notice_targets(kernel: Kernel, *, actor: Actor) -> tuple[NoticeTargetView, ...]:
    """Return where owners are told, the oldest first.

    Raises:
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        targets = notice_repository.list_targets(work.session, tenant_id=actor.tenant_id)
    return tuple(_view(target, connection) for target, connection in targets)


def add_notice_target(
    kernel: Kernel, *, actor: Actor, connection_id: UUID, channel_id: str, label: str = ""
) -> NoticeTargetView:
    """Have owners told at a place; whatever nobody was told of yet goes there at once.

    Args:
        kernel: the process's seams.
        actor: who sets it.
        connection_id: what the notices go through; it must be able to send messages.
        channel_id: the provider's id of the channel or person there, a phone number such as ``+14155550142``, or an
            e-mail address.
        label: what people call the place; the id if left out.

    Raises:
        InvalidInput: the connection cannot send messages, or the place cannot be one of its channels.
        Conflict: owners are told there already, the connection is disconnected, or there are too many places.
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = _find_connection(work, connection_id)
        channel_id = _check_channel(connection, channel_id.strip())
        name = _check_label(label.strip()) or channel_id
        if notice_repository.has_target(
            work.session, tenant_id=work.tenant_id, connection_id=connection_id, channel_id=channel_id
        ):
            raise Conflict("Owners are told there already.", code="target_exists")
        if len(notice_repository.list_targets(work.session, tenant_id=work.tenant_id)) >= MAX_TARGETS:
            raise Conflict(f"There are {MAX_TARGETS} places already. Delete one first.", code="too_many_targets")
        now = kernel.clock.now()
        target = NoticeTarget(
            tenant_id=work.tenant_id,
            id=new_id(),
            connection_id=connection_id,
            channel_id=channel_id,
            label=name,
            created_at=now,
        )
        work.session.add(target)
        work.session.flush()
        audit.record(
            work,
            actor=actor,
            action="notice_target.added",
            object_kind="notice_target",
            object_id=target.id,
            detail={"connection_id": str(connection_id), "provider": connection.provider},
        )
        for untold in notice_repository.list_untold_connections(work.session, tenant_id=work.tenant_id):
            request_observation(work, untold, now=now)
        return _view(target, connection)


def delete_notice_target(kernel: Kernel, *, actor: Actor, target_id: UUID) -> None:
    """Have owners no longer told at a place; notices that wait for it are dropped.

    Raises:
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        target = _find_target(work, target_id)
        notice_repository.delete_target(work.session, tenant_id=work.tenant_id, target_id=target_id)
        audit.record(
            work,
            actor=actor,
            action="notice_target.deleted",
            object_kind="notice_target",
            object_id=target_id,
            detail={"connection_id": str(target.connection_id)},
        )


def send_test_notice(kernel: Kernel, *, actor: Actor, target_id: UUID) -> TestNoticeView:
    """Send a notice that says that it is a test. That it did not arrive is a result, not an exception.

    Raises:
        RetryLater: too many tests (``too_many_tries``).
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        target = _find_target(work, target_id)
        _check_pace(kernel, work, target)
        notice = HealthNotice(
            tenant_id=work.tenant_id,
            id=new_id(),
            connection_id=target.connection_id,
            target_id=target.id,
            batch_id=new_id(),
            kind=NoticeKind.TEST,
            text=tell_test(label=target.label),
            state=NoticeState.QUEUED,
            next_attempt_at=in_seconds(0),
            created_at=kernel.clock.now(),
        )
        work.session.add(notice)
        work.session.flush()
        audit.record(work, actor=actor, action="notice_target.tested", object_kind="notice_target", object_id=target_id)
        notice_id = notice.id
    send_notice(kernel, tenant_id=actor.tenant_id, notice_id=notice_id)
    with kernel.unit_of_work(actor.tenant_id) as work:
        found = notice_repository.find_notice(work.session, tenant_id=work.tenant_id, notice_id=notice_id)
    return _outcome(found, label=target.label)


def _outcome(notice: HealthNotice | None, *, label: str) -> TestNoticeView:
    if notice is None:
        return TestNoticeView(sent=False, message="The place was deleted in the meantime.")
    if notice.state is NoticeState.SENT:
        return TestNoticeView(sent=True, message=f"Sent to {label}.")
    if notice.state is NoticeState.QUEUED:
        return TestNoticeView(sent=False, message="It waits for an earlier notice to the same place.")
    return TestNoticeView(sent=False, message=notice.error_text or "It is still on its way.")


def _check_pace(kernel: Kernel, work: UnitOfWork, target: NoticeTarget) -> None:
    now = kernel.clock.now()
    for limit, span in ((1, _TEST_PAUSE), (_TESTS_A_MINUTE, timedelta(minutes=1))):
        sent = notice_repository.count_tests(
            work.session, tenant_id=work.tenant_id, target_id=target.id, since=now - span
        )
        if sent >= limit:
            raise RetryLater(
                f"A test went there a moment ago. Wait {int(span.total_seconds())} seconds, then try again.",
                after=span,
                code="too_many_tries",
            )


def _find_connection(work: UnitOfWork, connection_id: UUID) -> Connection:
    connection = notice_repository.find_connection(work.session, tenant_id=work.tenant_id, connection_id=connection_id)
    if connection is None:
        raise NotFound("There is no such connection.", code="unknown_connection")
    if connection.status is ConnectionStatus.DISCONNECTED:
        raise Conflict("This connection is disconnected. Connect the account again first.", code="disconnected")
    return connection


def _find_target(work: UnitOfWork, target_id: UUID) -> NoticeTarget:
    target = notice_repository.find_target(work.session, tenant_id=work.tenant_id, target_id=target_id)
    if target is None:
        raise NotFound("There is no such place.", code="unknown_target")
    return target


def _check_channel(connection: Connection, channel_id: str) -> str:
    manifest = registry.get_manifest(connection.provider)
    if Capability.MESSAGING not in manifest.capabilities:
        raise InvalidInput(f"{manifest.name} cannot send messages. Choose another connection.", field="connection_id")
    if Capability.DOMAINS in manifest.capabilities:
        return email.clean_address(channel_id, field="channel_id", required=True)
    if Capability.CHANNELS in manifest.capabilities:
        number = re.sub(r"[\s().-]", "", channel_id)
        if not _PHONE.fullmatch(number):
            raise InvalidInput("Write the number with its country, such as +14155550142.", field="channel_id")
        return number
    if not _CHANNEL.fullmatch(channel_id):
        raise InvalidInput(
            f"Paste the id of a channel or of a person from {manifest.name}, such as C0123456789.", field="channel_id"
        )
    return channel_id


def _check_label(label: str) -> str:
    if len(label) > _LABEL_LENGTH or not label.isprintable():
        raise InvalidInput(f"Use at most {_LABEL_LENGTH} characters, on one line.", field="label")
    return label


def _view(target: NoticeTarget, connection: Connection) -> NoticeTargetView:
    return NoticeTargetView(
        id=target.id,
        connection_id=connection.id,
        provider=connection.provider,
        provider_name=registry.get_manifest(connection.provider).name,
        account_name=connection.name or connection.external_account_name,
        channel_id=target.channel_id,
        label=target.label,
        can_be_reached=connection.status in WORKING,
        created_at=target.created_at,
    )
