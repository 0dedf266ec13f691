"""Keys are rotated while webhooks come in and answers go out."""

import threading

from services import vault
from tests.support.line import Line, Shop

MESSAGES = 6
HOURS = "We are open from 9 to 17, Monday to Friday."


def test_the_line_works_while_keys_are_rotated(line: Line, shop: Shop) -> None:
    stopping = threading.Event()
    errors: list[BaseException] = []
    rotations = 0

    def rotate() -> None:
        nonlocal rotations
        try:
            while not stopping.is_set():
                status = vault.list_key_status(line.kernel, actor=shop.actor)
                if status.can_start:
                    status = vault.start_rotation(line.kernel, actor=shop.actor)
                    rotations += 1
                assert status.rotation
                vault.resume_rotation(line.kernel, tenant_id=shop.actor.tenant_id, rotation_id=status.rotation.id)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=rotate)
    thread.start()
    app = line.sandbox.identities.own_app.app_id
    try:
        for _ in range(MESSAGES):
            line.settle(*line.sandbox.sms("what are your opening hours", to=shop.number).event_ids)
            line.settle(*line.sandbox.slack_message("What are your opening hours?", app=app).event_ids)
    finally:
        stopping.set()
        thread.join(timeout=30)
    assert errors == [] and rotations > 1
    assert [answer.text for answer in line.sandbox.answers()] == [HOURS] * 2 * MESSAGES
