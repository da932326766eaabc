"""The page's application: the login, the headers of every answer, and the error handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}


class StatusPage:
    """The ASGI application, which is built at the first request.

    Every task loads the plugin, but only the API server needs the application.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request and add our headers. HEAD is answered as GET, without the body."""
        is_head = scope.get("method") == "HEAD"

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", []), *own]}
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET"} if is_head else scope, receive, send_with_headers)

    @cached_property
    def app(self) -> Any:
        """The FastAPI application. Every route needs Airflow's login."""
        from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
        from airflow.api_fastapi.core_api.security import requires_access_view
        from fastapi import Depends, FastAPI

        from sqp_provider.status import api, errors, pages, story_api, story_pages

        app = FastAPI(
            title="SQP sync",
            dependencies=[Depends(requires_access_view(AccessView.WEBSITE))],
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
        )
        errors.answer_errors(app)
        for feed in ("", "/feeds/{feed}"):
            for router in (api.feed_router, story_api.feed_router):
                app.include_router(router, prefix=f"/api{feed}")
            for router in (pages.feed_router, story_pages.feed_router):
                app.include_router(router, prefix=feed)
        app.include_router(api.router, prefix="/api")
        app.include_router(pages.router)
        return app
