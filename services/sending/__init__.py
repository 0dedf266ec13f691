"""The outbox: messages leave once, receipts come back, opt-outs are honoured."""

from services.sending.again import send_again
from services.sending.consent import record_consent
from services.sending.receipts import apply_receipt
from services.sending.service import drain_messages, send_due
from services.sending.text import split_text

__all__ = ["apply_receipt", "drain_messages", "record_consent", "send_again", "send_due", "split_text"]
