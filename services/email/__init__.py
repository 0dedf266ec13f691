"""Letters: threads, quotes, senders, domains, and what is shown of them."""

from services.email.cards import get_card
from services.email.domains import check_domain, list_domains, sync_domains
from services.email.fields import clean_address
from services.email.heads import list_heads
from services.email.letters import compose, note_sent_as, outgoing
from services.email.notices import notice_letter
from services.email.quotes import Split, split_quote
from services.email.reading import get_letter, open_attachment
from services.email.safe_html import FRAME_SANDBOX, SafeHtml, frame_document, safe_html
from services.email.senders import (
    create_sender,
    delete_sender,
    find_sender,
    has_senders,
    list_senders,
    propose_sender,
    update_sender,
)
from services.email.silence import LETTERS_PER_HOUR, why_silent
from services.email.texts import reply_subject
from services.email.threads import Thread, find_thread, keep_envelope
from services.email.views import (
    AttachmentView,
    DnsRecordView,
    EmailCardView,
    EmailDomainView,
    LetterHeadView,
    LetterView,
    OpenedAttachment,
    SenderForm,
    SenderView,
)

__all__ = [
    "FRAME_SANDBOX",
    "LETTERS_PER_HOUR",
    "AttachmentView",
    "DnsRecordView",
    "EmailCardView",
    "EmailDomainView",
    "LetterHeadView",
    "LetterView",
    "OpenedAttachment",
    "SafeHtml",
    "SenderForm",
    "SenderView",
    "Split",
    "Thread",
    "check_domain",
    "clean_address",
    "compose",
    "create_sender",
    "delete_sender",
    "find_sender",
    "find_thread",
    "frame_document",
    "get_card",
    "get_letter",
    "has_senders",
    "keep_envelope",
    "list_domains",
    "list_heads",
    "list_senders",
    "note_sent_as",
    "notice_letter",
    "open_attachment",
    "outgoing",
    "propose_sender",
    "reply_subject",
    "safe_html",
    "split_quote",
    "sync_domains",
    "update_sender",
    "why_silent",
]
