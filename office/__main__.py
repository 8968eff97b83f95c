"""Run the office: `python -m office`, started by the supervisor; it needs no other process to be there."""

import functools
import sys
import threading
import time
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST

from conf.settings import Settings, load
from office import admin, metrics
from office.server import Answer, Asked, Door, Routes
from runtime.ports import written
from runtime.service import BadConfiguration, Service, run

_TURN_S = 0.2


def routes(data_dir: Path, run_dir: Path) -> Routes:
    """Return everything that the office answers."""

    def scrape(asked: Asked) -> Answer:
        return Answer(200, metrics.text(run_dir, asked.rest), CONTENT_TYPE_LATEST)

    return {
        ("GET", "/metrics"): scrape,
        ("GET", "/metrics/"): scrape,
        **admin.routes(data_dir, run_dir),
    }


def serve(service: Service, settings: Settings) -> None:
    """Serve until told to stop."""
    office = settings.office
    try:
        door = Door(
            office.host,
            office.port,
            routes(settings.data_dir, service.run),
            for_pages=admin.PLACE,
        )
    except OSError as error:
        raise BadConfiguration(
            f"cannot listen on {written(office.host, office.port)}: {error}; free the port or set office.port"
        ) from error
    thread = threading.Thread(target=door.serve_forever, daemon=True)
    thread.start()
    service.ready(host=office.host, port=door.server_address[1])
    while not service.stopping and thread.is_alive():
        service.beat()
        time.sleep(_TURN_S)
    door.shutdown()
    door.server_close()


def main() -> int:
    """Start the office with the settings of the environment."""
    settings = load()
    body = functools.partial(serve, settings=settings)
    return run("office", settings.data_dir, settings.supervision.log_level, body)


if __name__ == "__main__":
    sys.exit(main())
