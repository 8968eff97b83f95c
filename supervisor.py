"""The entry of the command line `openbourse`: up, down and status here, every other word in commands/.

Exit status 0 only when the thing asked for happened: 1 says why it did not in one line, 2 is a command
line that cannot be read. `status`: 0 running, 1 degraded, 3 down.
"""

import argparse
import importlib
import itertools
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import commands
from commands import Refused
from conf.sections import Office
from conf.settings import LIVE_FILE, Settings, WrongSetting, load, to_environ
from runtime import clock, endpoints, log
from runtime.ports import free_port, refuse_taken, written
from runtime.postgres import NoPostgres
from runtime.service import BadConfiguration
from supervision import claim, page, resources, status
from supervision.arbiter import Arbiter
from supervision.notify import Notifier
from supervision.pids import send
from supervision.programs import stop_order, table
from supervision.states import Process
from supervision.view import say, view_on
from supervision.wishes import Wishes

SOCKET_LIMIT = 107
"""Bytes in the path of a Unix socket."""
_PLACES = ("--config", "--data-dir")
EXIT_OF_STATE = {"running": 0, "degraded": 1, "down": 3}


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says."""
    words = _places_first(sys.argv[1:] if argv is None else argv)
    args = _parser(words).parse_args(words)
    _place(args)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Refused, WrongSetting, BadConfiguration, NoPostgres, claim.Taken, OSError) as why:
        if getattr(args, "json", False):
            print(json.dumps({"error": str(why)}))
        print(f"openbourse {args.word}: {why}", file=sys.stderr)
        return 1


def up(args: argparse.Namespace) -> int:
    """Start the exchange and stay until it is told to stop."""
    settings = _settings()
    logger = log.open_log("supervisor", settings.supervision.log_level)
    begun_ns = clock.steady_ns()
    held = claim.Claim(settings.data_dir)
    run = endpoints.run_dir(settings.data_dir)
    _check_length(run)
    claim.end_leftovers(run, settings.supervision.stop_timeout_s)
    wishes = Wishes(settings, run, _settings)
    settings = _with_free_ports(settings)
    _check_machine(settings)
    programs, full = table(settings, run)
    view = None if args.plain else view_on(run, sys.stdout, sys.stderr, os.environ)
    page_of = status.StatusFile(run, full)

    def announce() -> None:
        seconds = (clock.steady_ns() - begun_ns) / 1e9
        logger.info("up %s", log.facts(seconds=seconds))
        say(f"{page.welcome(full, settings.database.dsn, seconds)}\n", sys.stdout)

    def publish(processes: Sequence[Process]) -> None:
        page_of.write(processes)
        if view:
            view.draw(processes)

    arbiter = Arbiter(
        programs,
        stop_order(programs),
        settings.supervision,
        run,
        {**os.environ, **to_environ(full), "OPENBOURSE_LIVE": str(run / LIVE_FILE)},
        announce=announce,
        publish=publish,
        notifier=Notifier(os.environ),
        wishes=wishes,
    )
    try:
        code = arbiter.serve()
    finally:
        if view:
            view.close()
        held.release()
    status.remove(run)
    logger.info("down")
    return code


def down(args: argparse.Namespace) -> int:
    """Stop the exchange on a data directory and wait until it is down."""
    settings = _settings()
    patience_s = settings.supervision.stop_timeout_s
    pid = claim.owner(settings.data_dir)
    run = endpoints.run_dir(settings.data_dir)
    if not pid:
        left = claim.end_leftovers(run, patience_s)
        print(f"stopped {left} processes that had lost their supervisor" if left else "not running")
        return 0
    send(pid, signal.SIGTERM)
    # They may have to be waited for one after the other.
    deadline = time.monotonic() + patience_s * len(status.told(run)["processes"])
    while claim.owner(settings.data_dir) == pid:
        if time.monotonic() > deadline:
            raise Refused(f"the supervisor (pid {pid}) is still stopping: see its log")
        time.sleep(0.05)
    print("down")
    return 0


def show_status(args: argparse.Namespace) -> int:
    """Print how the exchange stands."""
    settings = _settings()
    told = status.told(endpoints.run_dir(settings.data_dir))
    print(json.dumps(told) if args.json else page.page(told))
    return EXIT_OF_STATE[told["state"]]


def _places_first(words: list[str]) -> list[str]:
    """Let --config and --data-dir stand anywhere: the words behind a word do not know them."""
    places: list[str] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            others += [word, *rest]
        elif word in _PLACES:
            places += [word, *itertools.islice(rest, 1)]
        elif word.startswith(tuple(f"{place}=" for place in _PLACES)):
            places.append(word)
        else:
            others.append(word)
    return [*others[:1], *places, *others[1:]]


def _parser(words: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="openbourse", description="The stock exchange in a box.", allow_abbrev=False
    )
    places = parser.add_subparsers(dest="word", metavar="WORD", required=True)
    one = _word(places, "up", "start the exchange in the foreground")
    one.add_argument("--rest-port", type=int, help="port of REST and the terminal (3000)")
    one.add_argument("--ws-port", type=int, help="port of the WebSocket streams (4000)")
    one.add_argument("--office-port", type=int, help="port of metrics and administration (3100)")
    one.add_argument(
        "--plain", action="store_true", help="no live view on a terminal, only the log"
    )
    one.add_argument("--no-demo", action="store_true", help="no demo accounts, no simulated market")
    one.set_defaults(run=up)
    one = _word(places, "down", "stop it and wait until it is down")
    one.set_defaults(run=down)
    one = _word(places, "status", "how it stands; exit status 0 running, 1 degraded, 3 down")
    one.add_argument("--json", action="store_true", help="print one JSON object")
    one.set_defaults(run=show_status)
    for name, summary in commands.WORDS.items():
        one = _word(places, name, summary)
        # Only the word that was typed is imported: numba and psycopg take their time.
        if name in words[:1]:
            module = importlib.import_module(f"commands.{name.replace('-', '_')}")
            module.add_arguments(one)
            one.set_defaults(run=module.run)
    return parser


def _word(places: Any, name: str, summary: str) -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = places.add_parser(
        name, help=summary, description=summary, allow_abbrev=False, conflict_handler="resolve"
    )
    config, data_dir = _PLACES
    one.add_argument(config, type=Path, help="a TOML file of settings (conf/exchange.toml)")
    one.add_argument(data_dir, type=Path, help="where everything is kept (data)")
    return one


def _place(args: argparse.Namespace) -> None:
    """Put what the command line says about settings where `conf.settings.load` looks."""
    said = {
        "OPENBOURSE_CONFIG": args.config,
        "OPENBOURSE_DATA_DIR": args.data_dir,
        "OPENBOURSE_REST_PORT": getattr(args, "rest_port", None),
        "OPENBOURSE_WS_PORT": getattr(args, "ws_port", None),
        "OPENBOURSE_OFFICE_PORT": getattr(args, "office_port", None),
        "OPENBOURSE_DEMO": "false" if getattr(args, "no_demo", False) else None,
    }
    os.environ.update({name: str(value) for name, value in said.items() if value is not None})


def _settings() -> Settings:
    settings = load()
    return replace(
        settings,
        data_dir=settings.data_dir.resolve(),
        instruments_file=settings.instruments_file.resolve(),
        calendar_file=settings.calendar_file.resolve(),
    )


def _with_free_ports(settings: Settings) -> Settings:
    """Refuse ports that somebody listens on already; port 0 becomes a free one."""
    rest = _free_port("rest", settings.rest.host, settings.rest.port)
    ws = _free_port("ws", settings.ws.host, settings.ws.port)
    office = _office_port(settings)
    return replace(
        settings,
        rest=replace(settings.rest, port=rest),
        ws=replace(settings.ws, port=ws),
        office=replace(settings.office, port=office),
    )


def _office_port(settings: Settings) -> int:
    """Return the port asked for; where none was and the usual one is taken, a free one.

    Another exchange on this machine may have the usual one, and nobody names this port to trade.
    """
    wanted = settings.office
    if wanted != Office():
        return _free_port("office", wanted.host, wanted.port)
    try:
        return _free_port("office", wanted.host, 0 if settings.rest.port == 0 else wanted.port)
    except Refused:
        return _free_port("office", wanted.host, 0)


def _check_length(run: Path) -> None:
    longest = endpoints.address(endpoints.REPLIES, run, endpoints.REPLY_SLOTS)
    if len(longest.removeprefix("ipc://").encode()) > SOCKET_LIMIT:
        raise Refused(
            f"the run-time directory {run} is too long for the path of a socket ({SOCKET_LIMIT} "
            "bytes): set XDG_RUNTIME_DIR to a shorter directory"
        )


def _check_machine(settings: Settings) -> None:
    found = resources.findings(settings)
    for finding in found:
        logging.getLogger("supervisor").warning("%s", finding.text)
    if fatal := [one.text for one in found if one.fatal]:
        raise Refused(fatal[0])


def _free_port(door: str, host: str, port: int) -> int:
    try:
        port = port or free_port(host)
        refuse_taken(host, port)
    except OSError as error:
        raise Refused(
            f"cannot listen on {written(host, port)} ({error.strerror}); choose another --{door}-port"
        ) from error
    return port


if __name__ == "__main__":
    sys.exit(main())
