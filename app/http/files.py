"""Files that people outside sent, as downloads: saved, never shown."""

from urllib.parse import quote

from fastapi import Response

from services.email import OpenedAttachment


def download_of(opened: OpenedAttachment) -> Response:
    """Return the answer that lets a browser save a file under its name, and run nothing of it."""
    return Response(
        opened.content,
        media_type=opened.content_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(opened.name, safe='')}",  # RFC 6266
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-store",
        },
    )
