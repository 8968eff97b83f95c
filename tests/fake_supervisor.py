"""A supervisor over fake processes: `python fake_supervisor.py DATA_DIR POLICY PROGRAMS STOP_ORDER`, the last three JSON."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from conf.sections import Supervision
from conf.settings import Settings, load
from runtime import endpoints, log
from supervision import claim, status
from supervision.arbiter import Arbiter
from supervision.notify import Notifier
from supervision.programs import Program, Renewal
from supervision.states import Process
from supervision.view import say, view_on
from supervision.wishes import Wishes

PAUSING = ("ingress", "writer", "snapshotter")
RENEWALS = {"broadcaster": Renewal.SUCCESSOR, **dict.fromkeys(PAUSING, Renewal.PAUSE)}
AWAITED_S = {"demo": 0.5, "market": 0.5}
SPARES = {"has a spare": "is the spare", "has a sick spare": "dies always"}
FAKE = Path(__file__).with_name("fake_process.py")


def main(data_dir: Path, policy: str, programs: str, stop_order: str) -> int:
    # Whoever runs the tests under nohup lets every child ignore this one.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    log.open_log("supervisor")
    config = data_dir / "exchange.toml"
    asked = Supervision(**json.loads(policy))

    def read() -> Settings:
        changed = load({"OPENBOURSE_CONFIG": str(config)} if config.exists() else {})
        watch = asked if changed.supervision == Supervision() else changed.supervision
        return replace(changed, data_dir=data_dir, supervision=watch)

    settings = read()
    held = claim.Claim(data_dir)
    run = endpoints.run_dir(data_dir)
    claim.end_leftovers(run, settings.supervision.stop_timeout_s)
    table = [
        Program(
            name,
            (sys.executable, str(FAKE), name, str(run), behaviour),
            needs=tuple(needs),
            once=behaviour in ("finishes", "is late"),
            awaited_s=AWAITED_S.get(name, 0.0),
            renewal=RENEWALS.get(name.partition("-")[0], Renewal.NEVER),
            door=("127.0.0.1", 0, False) if behaviour == "listens" else None,
            spare=(sys.executable, str(FAKE), name, str(run), SPARES[behaviour])
            if behaviour in SPARES
            else (),
        )
        for name, behaviour, needs in json.loads(programs)
    ]
    page = status.StatusFile(run, settings)
    view = view_on(run, sys.stdout, sys.stderr, os.environ)

    def publish(processes: Sequence[Process]) -> None:
        page.write(processes)
        if view:
            view.draw(processes)

    arbiter = Arbiter(
        table,
        json.loads(stop_order),
        settings.supervision,
        run,
        os.environ,
        announce=lambda: say("up\n", sys.stdout),
        publish=publish,
        notifier=Notifier(os.environ),
        wishes=Wishes(settings, run, read),
    )
    code = arbiter.serve()
    if view:
        view.close()
    status.remove(run)
    held.release()
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
