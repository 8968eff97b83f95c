"""A supervisor over fake processes: `python fake_supervisor.py DATA_DIR POLICY PROGRAMS STOP_ORDER`, the last three JSON."""

import json
import os
import sys
from pathlib import Path

from conf.sections import Supervision
from conf.settings import Settings
from runtime import endpoints, log
from supervision import claim, status
from supervision.arbiter import Arbiter
from supervision.notify import Notifier
from supervision.programs import Program

FAKE = Path(__file__).with_name("fake_process.py")


def main(data_dir: Path, policy: str, programs: str, stop_order: str) -> int:
    log.open_log("supervisor")
    settings = Settings(data_dir=data_dir, supervision=Supervision(**json.loads(policy)))
    held = claim.Claim(data_dir)
    run = endpoints.run_dir(data_dir)
    claim.end_leftovers(run, settings.supervision.stop_timeout_s)
    table = [
        Program(
            name,
            (sys.executable, str(FAKE), name, str(run), behaviour),
            needs=tuple(needs),
            once=behaviour == "finishes",
        )
        for name, behaviour, needs in json.loads(programs)
    ]
    arbiter = Arbiter(
        table,
        json.loads(stop_order),
        settings.supervision,
        run,
        os.environ,
        announce=lambda: print("up", flush=True),
        publish=status.StatusFile(run, settings).write,
        notifier=Notifier(os.environ),
    )
    code = arbiter.serve()
    status.remove(run)
    held.release()
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
