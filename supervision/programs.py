"""Which programs make up an exchange, what each needs before it starts, and in which order they stop."""

import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from pathlib import Path

from conf.settings import Settings
from runtime.postgres import STOP_SIGNAL, EmbeddedPostgres
from runtime.service import BAD_CONFIGURATION, BadConfiguration

_STOP_ORDER = (
    "market", "ingress", "matcher", "gate", "writer", "relay", "broadcaster", "mirror", "edge", "postgres",
)  # fmt: skip
"""The simulated traders go home; no new requests; the matcher answers what it has taken; the gate sends it on; the
writer stores what the matcher told; the streams end; the database last. Each has ended before the next is asked."""

DEMO_S = 30.0
"""Three questions that are not answered."""

SNAPSHOT_S = 600.0
"""A snapshot is written and proved without a word, at the lowest priority."""


class Renewal(Enum):
    """How a running program is started again while the exchange works (`renewal.py`)."""

    NEVER = "it cannot be restarted while the exchange works: stop the exchange and start it"
    WORKERS = "its workers are replaced one by one behind the socket that their master keeps"
    SUCCESSOR = "a second process takes its door before the first one leaves"
    PAUSE = "it stops and starts; what it has to do waits for it"


@dataclass(frozen=True)
class Program:
    """One line of the table: how to run it and how to tell that it does its work.

    `needs` must do their work (or be done) before its first start; a restart does not wait for
    them. `voices`: how many of its system processes must have reported `ready`. `probe`: asked with
    its pid instead, for a program that does not report. `once`: runs to its end, which must be exit
    status 0. `hint` is logged at its start. `patience_s`: how much longer than others it may be silent.
    `door`: host and port that the supervisor binds and hands over as a descriptor, and whether others share it.
    `spare`: the argument list of another one of it that is kept behind it and has its place when it dies.
    `awaited_s`: how long after its start the exchange is said to be up without it; 0: never, it is needed.
    """

    name: str
    argv: tuple[str, ...]
    needs: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    voices: int = 1
    probe: Callable[[int], bool] | None = None
    once: bool = False
    stop_signal: int = signal.SIGTERM
    refusal: int = BAD_CONFIGURATION
    hint: str = ""
    patience_s: float = 0.0
    renewal: Renewal = Renewal.NEVER
    door: tuple[str, int, bool] | None = None
    spare: tuple[str, ...] = ()
    awaited_s: float = 0.0


def table(settings: Settings, run: Path) -> tuple[list[Program], Settings]:
    """Return the programs in order of start, and the settings they run with (the DSN filled in)."""
    if settings.is_mirror and settings.is_edge:
        raise BadConfiguration(
            "edge.source and redis.source or wire.source: this host takes orders, and has the market by that; "
            "or it takes the market only"
        )
    if settings.is_mirror:
        return _mirrored(settings), replace(settings, demo=False)
    if settings.is_edge:
        return _at_an_edge(settings), replace(settings, demo=False)
    programs = [
        _kernel(),
        _lane(),
        _office(),
    ]
    store: tuple[str, ...] = ()
    if settings.matcher.peer and not settings.database.dsn:
        raise BadConfiguration(
            "matcher.peer is set: the lease lies in a database that both hosts share, name it in "
            "database.dsn"
        )
    if not settings.database.dsn:
        postgres = EmbeddedPostgres(settings.data_dir, run, settings.database.bin_dir)
        programs += _embedded(postgres)
        store = ("postgres",)
        settings = replace(settings, database=replace(settings.database, dsn=postgres.dsn()))
    programs += [
        *_matchers(settings),
        _snapshotter("matcher"),
        Program(
            "writer",
            python("writer"),
            needs=("matcher", *store),
            patience_s=1.5 * settings.database.statement_timeout_s,
            renewal=Renewal.PAUSE,
        ),
        _ingress(settings, "matcher", "writer"),
        *_broadcasters(settings),
    ]
    if settings.redis.url or settings.wire.listen:
        relay = python("broadcaster.relay")
        programs.append(Program("relay", relay, needs=("matcher",), renewal=Renewal.PAUSE))
    if settings.edge.listen:
        gate = python("matcher.gate")
        programs.append(Program("gate", gate, needs=("matcher",), renewal=Renewal.PAUSE))
    if settings.demo:
        programs += _demo(settings)
    return programs, settings


def _mirrored(settings: Settings) -> list[Program]:
    """Return the programs of a host that takes its market from another one."""
    return [
        _lane(),
        Program("mirror", python("broadcaster.mirror")),
        _ingress(settings, "mirror"),
        *_broadcasters(settings),
    ]


def _at_an_edge(settings: Settings) -> list[Program]:
    """Return the programs of a host that takes orders for the exchange of another one.

    Raises: BadConfiguration.
    """
    if not settings.database.dsn:
        raise BadConfiguration(
            "edge.source is set: the keys of clients lie in the database of the exchange, name it in "
            "database.dsn"
        )
    edge = Program("edge", python("matcher.edge"), needs=("kernel",), renewal=Renewal.PAUSE)
    return [
        _kernel(),
        _lane(),
        _office(),
        edge,
        _snapshotter("edge"),
        _ingress(settings, "edge"),
        *_broadcasters(settings),
    ]


def _demo(settings: Settings) -> list[Program]:
    """Return what makes the demo's accounts and its market: nobody else's exchange waits for long for them."""
    demo = Program("demo", python("commands.demo"), needs=("ingress",), once=True, awaited_s=DEMO_S)
    market = Program(
        "market",
        python("commands.simulate"),
        needs=("demo",),
        renewal=Renewal.PAUSE,
        awaited_s=DEMO_S,
    )
    return [demo, market] if settings.market.rate else [demo]


def _kernel() -> Program:
    hint = "the first time, and after a change, the core is compiled: up to a minute"
    return Program("kernel", python("matcher.warm_up"), once=True, hint=hint)


def _lane() -> Program:
    return Program("lane", python("ingress.warm_up"), once=True)


def _office() -> Program:
    return Program("office", python("office"), renewal=Renewal.PAUSE)


def _snapshotter(needed: str) -> Program:
    return Program(
        "snapshotter",
        python("matcher.snapshotter"),
        needs=(needed,),
        patience_s=SNAPSHOT_S,
        renewal=Renewal.PAUSE,
    )


def stop_order(programs: Sequence[Program]) -> list[str]:
    """Return the names of the programs whose stop has an order, first to last."""
    kinds = {program.name: program.name.partition("-")[0] for program in programs}
    return [name for kind in _STOP_ORDER for name, of in kinds.items() if of == kind]


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the argument list that runs a module with this very interpreter."""
    return (sys.executable, "-m", module, *arguments)


def _matchers(settings: Settings) -> list[Program]:
    """Return the matcher and, when asked for, the one that follows it; which is which may change."""
    wanted = settings.matcher
    # One who stands by, here or on the other host, is a spare and more.
    has_spare = wanted.spare and not wanted.standby and not wanted.peer
    spare = python("matcher", "matcher", "spare") if has_spare else ()
    first = Program("matcher", python("matcher", "matcher"), needs=("kernel",), spare=spare)
    # The first may not be ready before the second confirms what it does.
    needed = "kernel" if settings.journal.replicas else "matcher"
    second = Program("matcher-2", python("matcher", "matcher-2"), needs=(needed,))
    return [first, second] if wanted.standby else [first]


def _ingress(settings: Settings, *needs: str) -> Program:
    workers = settings.rest.workers
    return Program(
        "ingress",
        python("ingress"),
        needs=("lane", *needs),
        voices=workers,
        renewal=Renewal.WORKERS,
    )


def _broadcasters(settings: Settings) -> list[Program]:
    """Return the broadcasters: processes of their own on one port, so that one can end alone."""
    workers = settings.ws.workers
    names = ["broadcaster", *(f"broadcaster-{number}" for number in range(2, workers + 1))]
    door = (settings.ws.host, settings.ws.port, workers > 1)
    return [
        Program(
            name,
            python("broadcaster", name),
            needs=("ingress",),
            renewal=Renewal.SUCCESSOR,
            door=door,
        )
        for name in names
    ]


def _embedded(postgres: EmbeddedPostgres) -> list[Program]:
    argv, environ = postgres.command()
    return [
        Program("database", python("supervision.prepare"), once=True),
        Program(
            "postgres",
            tuple(argv),
            needs=("database",),
            environ=environ,
            voices=0,
            probe=partial(_says_ready, postgres.folder / "postmaster.pid"),
            stop_signal=STOP_SIGNAL,
        ),
    ]


def _says_ready(file: Path, pid: int) -> bool:
    """Read PostgreSQL's own word in its pid file: line 1 its pid, line 8 its state.

    Asking by a connection would fill its log with refusals of what comes too early.
    """
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"
