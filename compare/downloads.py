"""A model that a visitor trained as one HTML page: to keep as a file, or to open at once.

It holds what the visitor's text holds, and text may try anything. So it never runs in the origin of
this page: the browser is told to give it an origin of its own, from which nothing here is in reach.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from compare.roster import GONE, Roster

_APART = {
    "Content-Security-Policy": "sandbox allow-scripts allow-downloads",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",  # it is deleted here within an hour or two
}


def address(key: str) -> str:
    """Relative to the page, which may lie anywhere behind a proxy."""
    return f"own/{key}.html"


def routes(roster: Roster) -> list[Route]:
    """To be served beside the page. `?save` makes it a file."""

    async def serve(request: Request) -> Response:
        folder = roster.folder(request.path_params["key"])
        if folder is None:
            return PlainTextResponse(GONE, status_code=404, headers=_APART)
        from compare.lessons.taking import as_page  # torch: not before it is needed

        kind = "attachment" if "save" in request.query_params else "inline"
        return FileResponse(
            await asyncio.to_thread(as_page, folder),
            media_type="text/html",
            headers=_APART,
            filename=f"{folder.name}.html",
            content_disposition_type=kind,
        )

    return [Route("/own/{key}.html", serve)]
