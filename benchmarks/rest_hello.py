"""The yardstick of the REST benchmark: the least a Falcon application can say on the same server."""

from typing import Any

import falcon.asgi

HELLO = b'{"hello":"world"}'


class Hello:
    """Says hello."""

    async def on_get(self, req: Any, resp: falcon.asgi.Response) -> None:
        """Answer one request."""
        resp.data = HELLO


app = falcon.asgi.App()
app.add_route("/hello", Hello())
