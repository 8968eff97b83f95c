"""The gunicorn worker: uvicorn on uvloop, serving through our own connection class."""

import logging
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from ingress.connection import Connection

GRACE_S = 10
"""Open requests have so long to be answered once the worker is asked to stop."""


class Worker(UvicornWorker):  # type: ignore[misc]
    """One worker process."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": Connection,
        "ws": "none",
        "interface": "asgi3",
        "lifespan": "on",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "timeout_graceful_shutdown": GRACE_S,
    }

    def init_process(self) -> None:
        """Begin the worker's life after the fork."""
        # Uvicorn warns of every malformed request: a stranger must not be able to fill our log.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        super().init_process()
