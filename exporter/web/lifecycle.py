"""Who may have the exporter reload or refresh over HTTP."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request


def require(request: Request, enabled: bool) -> None:
    """Raises HTTPException (403) unless it is enabled and the request comes from no other site."""
    if not enabled:
        raise HTTPException(403, "Reload and refresh over HTTP are off; start the exporter with --web.enable-lifecycle to allow them.")
    # a page of another site can make a browser inside the network send a POST; browsers say so: https://www.w3.org/TR/fetch-metadata/
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise HTTPException(403, "Reload and refresh cannot be asked for by a page of another site.")
