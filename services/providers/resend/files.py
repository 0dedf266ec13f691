"""The files of a received letter, as many and as much as is kept."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import resend

from services.kernel.errors import Refused
from services.provider_kit.contract import IncomingFile
from services.provider_kit.payloads import storable_text
from services.providers.resend.client import ResendClient
from services.providers.resend.schemas import FileEntry, FilePage, ReceivedLetter

FILE_BYTES = 10 * 1024 * 1024
LETTER_BYTES = 25 * 1024 * 1024
KEPT_FILES = 20

_PAGE_SIZE = 100
_LISTED_FILES = 200
_LONGEST_NAME = 200
_CONTENT_TYPE = re.compile(r"[0-9A-Za-z!#$&^_.+-]{1,100}/[0-9A-Za-z!#$&^_.+-]{1,100}")
_TOO_LARGE = f"larger than {FILE_BYTES // 1024**2} MB"
_TOO_MUCH = f"the letter's files are larger than {LETTER_BYTES // 1024**2} MB together"
_TOO_MANY = f"only the first {KEPT_FILES} files of a letter are kept"
_GONE = "Resend does not hand the file out"


@dataclass(slots=True)
class _Room:
    """What may still be kept of a letter."""

    files: int = KEPT_FILES
    size: int = LETTER_BYTES


def fetch_files(client: ResendClient, letter: ReceivedLetter) -> tuple[IncomingFile, ...]:
    """Return the letter's files; one that is not kept says why.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    if not letter.attachments:
        return ()
    page = client.call(FilePage, lambda: resend.Emails.Receiving.Attachments.list(letter.id, {"limit": _PAGE_SIZE}))
    listed = {entry.id for entry in page.data}
    further = [entry for entry in letter.attachments if entry.id not in listed]
    return tuple(_fetch_all(client, (*page.data, *further)[:_LISTED_FILES]))


def _fetch_all(client: ResendClient, entries: Sequence[FileEntry]) -> Iterator[IncomingFile]:
    room = _Room()
    for number, entry in enumerate(entries, start=1):
        content, left_out = _fetch(client, entry, room)
        if content is not None:
            room.files -= 1
            room.size -= len(content)
        yield IncomingFile(
            name=_name(entry.filename) or f"file {number}",
            content_type=entry.content_type
            if _CONTENT_TYPE.fullmatch(entry.content_type)
            else "application/octet-stream",
            size_bytes=(entry.size or 0) if content is None else len(content),
            content=content,
            left_out=left_out,
        )


def _fetch(client: ResendClient, entry: FileEntry, room: _Room) -> tuple[bytes | None, str]:
    """Return a file's content, or why there is none."""
    size = entry.size or 0
    if size > FILE_BYTES:
        return None, _TOO_LARGE
    if not room.files:
        return None, _TOO_MANY
    if size > room.size or not room.size:
        return None, _TOO_MUCH
    try:
        return client.download(entry.download_url, max_bytes=min(FILE_BYTES, room.size)), ""
    except Refused as error:
        if error.code == "answer_too_large":
            return None, _TOO_LARGE if room.size >= FILE_BYTES else _TOO_MUCH
        return None, _GONE


def _name(given: str) -> str:
    """Return the last part of a file name without what could disguise it, such as a change of writing direction."""
    last = re.split(r"[/\\]", storable_text(given))[-1]
    return "".join(character for character in last if character.isprintable()).strip(". ")[-_LONGEST_NAME:]
