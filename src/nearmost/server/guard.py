"""Who may talk to the server: one browser of this machine, which was handed a token, from the server's own pages.

A page of another site that the same browser has open could send requests too, or have its name resolve to this
machine (DNS rebinding); so Host, Origin and the token are checked on every request, and what the pages may load is
limited to what the server itself sends (Content Security Policy).
"""

from __future__ import annotations

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
LARGEST = 64 << 20
"""Bytes of a request."""


class Guard:
    """What a request must show: the address that it was sent to, and the token."""

    def __init__(self, host: str, port: int, token: str | None = None) -> None:
        self.token = token or secrets.token_urlsafe(24)
        names = {host, "127.0.0.1", "localhost", "[::1]"}
        self.hosts = {f"{name}:{port}" for name in names} | (names if port == 80 else set())
        self.cookie = f"nearmost-{port}"
        self.address = f"http://{host}:{port}/?token={self.token}"

    def refusal(self, method: str, headers: dict[str, str], query: str) -> str | None:
        """Why this request is refused, or None."""
        if headers.get("host", "").lower() not in self.hosts:
            return "this server answers under its own address only; open the address that it printed"
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://").lower() not in self.hosts:
            return "requests from the pages of another site are refused"
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") and method != "GET":
            return "requests from the pages of another site are refused"
        if not self._knows(headers, query):
            return "the token is missing or old; open the address that the server printed when it started"
        return None

    def given(self, query: str) -> bool:
        """Whether the address itself holds the token, as the printed one does."""
        return self._same(dict(parse_qsl(query)).get("token", ""))

    def _knows(self, headers: dict[str, str], query: str) -> bool:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            cookie = None
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        return any(self._same(shown) for shown in (cookie.value if cookie else "", bearer)) or self.given(query)

    def _same(self, shown: str) -> bool:
        return hmac.compare_digest(shown.encode(), self.token.encode())


class Guarded:
    """An application behind a guard: others are told 403, and every answer carries the policy."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        refusal = self._guard.refusal(scope["method"], headers, query)
        if refusal is not None:
            await PlainTextResponse(refusal + "\n", 403, HEADERS)(scope, receive, send)
            return
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST:
            await PlainTextResponse("the request is too large\n", 413, HEADERS)(scope, receive, send)
            return
        if scope["method"] == "GET" and self._guard.given(query):
            await self._welcome(scope, query)(scope, receive, send)
            return

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        await self._app(scope, receive, with_policy)

    def _welcome(self, scope: Scope, query: str) -> RedirectResponse:
        """The same address without the token, which goes into a cookie."""
        rest = urlencode([(name, value) for name, value in parse_qsl(query) if name != "token"])
        answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), 303, HEADERS)
        answer.set_cookie(self._guard.cookie, self._guard.token, httponly=True, samesite="strict")
        return answer
