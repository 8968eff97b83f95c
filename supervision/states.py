"""What may become of one supervised process: a table, and the times at which something is due.

Nothing here starts, kills or waits: the arbiter tells what happened and when (`now_ns`, of a clock
that never goes back), asks what is due, and does it. The whole life of a process:

    stopped ─spawned─▶ starting ─ready─▶ ready ─settled─▶ running
                          │                │                 │
                          ├───── died ─────┴──── died ───────┴──▶ backoff ─spawned─▶ starting
                          ├───── refused ── (from any of the three) ─▶ fatal
                          ├───── finished ─▶ done        (programs that run once)
                          └───── asked ──── (from any of the three) ─▶ stopping ─died─▶ stopped
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum

from conf.sections import Supervision
from supervision.programs import Program


class State(StrEnum):
    """Where a process stands."""

    STOPPED = "stopped"
    """Not started yet, or ended as asked."""
    STARTING = "starting"
    """Spawned; has not said that it is ready."""
    READY = "ready"
    """Does its work."""
    RUNNING = "running"
    """Has done it for so long that its earlier failures are forgotten."""
    BACKOFF = "backoff"
    """Died; waits to be started again."""
    STOPPING = "stopping"
    """Asked to stop; is killed when it does not."""
    FATAL = "fatal"
    """Cannot be started with this configuration; a person must change something."""
    DONE = "done"
    """A program that runs once has finished."""


class Cause(StrEnum):
    """What can happen to a process."""

    SPAWNED = "spawned"
    READY = "ready"
    SETTLED = "settled"
    DIED = "died"
    REFUSED = "refused"
    FINISHED = "finished"
    ASKED = "asked"


TRANSITIONS: dict[tuple[State, Cause], State] = {
    (State.STOPPED, Cause.SPAWNED): State.STARTING,
    (State.BACKOFF, Cause.SPAWNED): State.STARTING,
    (State.STARTING, Cause.READY): State.READY,
    (State.READY, Cause.SETTLED): State.RUNNING,
    (State.STARTING, Cause.DIED): State.BACKOFF,
    (State.READY, Cause.DIED): State.BACKOFF,
    (State.RUNNING, Cause.DIED): State.BACKOFF,
    (State.STOPPING, Cause.DIED): State.STOPPED,
    (State.STARTING, Cause.REFUSED): State.FATAL,
    (State.READY, Cause.REFUSED): State.FATAL,
    (State.RUNNING, Cause.REFUSED): State.FATAL,
    (State.STOPPING, Cause.REFUSED): State.STOPPED,
    (State.STARTING, Cause.FINISHED): State.DONE,
    (State.STOPPING, Cause.FINISHED): State.STOPPED,
    (State.STOPPED, Cause.ASKED): State.STOPPED,
    (State.BACKOFF, Cause.ASKED): State.STOPPED,
    (State.STARTING, Cause.ASKED): State.STOPPING,
    (State.READY, Cause.ASKED): State.STOPPING,
    (State.RUNNING, Cause.ASKED): State.STOPPING,
    (State.STOPPING, Cause.ASKED): State.STOPPING,
    (State.FATAL, Cause.ASKED): State.FATAL,
    (State.DONE, Cause.ASKED): State.DONE,
}
"""Every transition there is; any other is a bug of the arbiter."""

ALIVE = (State.STARTING, State.READY, State.RUNNING, State.STOPPING)
WORKING = (State.READY, State.RUNNING)
SATISFIED = (*WORKING, State.DONE)
ENDED = (State.STOPPED, State.FATAL, State.DONE)


class Part(Enum):
    """What a process is while there are two of its program."""

    SOLE = ""
    NEXT = "next"
    """Comes to take the place (`renewal.py`); until it is ready nobody counts on it."""
    LAST = "last"
    """Leaves, for the next one is ready."""
    SPARE = "spare"
    """Is kept behind the sole one, and has its place when that dies."""


class Due(Enum):
    """What the arbiter should do now."""

    NOTHING = 0
    SPAWN = 1
    KILL = 2


@dataclass
class Voice:
    """One system process that reports under the program's name; gunicorn's workers are several."""

    heard_ns: int
    facts: dict[str, object] = field(default_factory=dict)


class Process:
    """One program's present life, and the memory of its failures."""

    def __init__(self, program: Program, policy: Supervision) -> None:
        self.program = program
        self.policy = policy
        self.state = State.STOPPED
        self.pid = 0
        self.restarts = 0
        self.failures = 0
        """Early deaths since it last lasted."""
        self.voices: dict[int, Voice] = {}
        self.last_words = ""
        self.spawned_ns = 0
        self._begun_ns = 0
        self.part = Part.SOLE
        self._stopped_ns: dict[int, int] = {}
        self._since_ns = 0

    @property
    def facts(self) -> dict[str, object]:
        """The facts of the latest reports of all voices, later ones over earlier ones."""
        together: dict[str, object] = {}
        for voice in sorted(self.voices.values(), key=lambda one: one.heard_ns):
            together |= voice.facts
        return together

    @property
    def complete(self) -> bool:
        """Whether it does its work with all the voices it should have."""
        speaks = len(self.voices) >= self.program.voices
        return self.state in WORKING and speaks and not self.takes_over

    @property
    def name(self) -> str:
        """Return its program's name, and which of the two it is while there are two of it."""
        return "-".join(filter(None, (self.program.name, self.part.value)))

    @property
    def stands_by(self) -> bool:
        """Whether it only waits to take another one's place."""
        return self.part is Part.SPARE or self.facts.get("role") == "standby"

    @property
    def takes_over(self) -> bool:
        """Whether it was a spare, has the place of one that died, and is not at work yet."""
        return self.part is not Part.SPARE and self.facts.get("role") == "spare"

    @property
    def is_hopeless(self) -> bool:
        """Whether it has died so often that a start of the exchange cannot succeed."""
        return self.failures >= self.policy.start_tries and not self.program.awaited_s

    def is_awaited(self, now_ns: int) -> bool:
        """Whether the exchange is not up because of it.

        One that can do without and was not started yet waits for another one, which is awaited itself or is late.
        """
        if self.state in SATISFIED:
            return False
        awaited_ns = int(self.program.awaited_s * 1e9)
        return not awaited_ns or (self._begun_ns > 0 and now_ns - self._begun_ns < awaited_ns)

    def spawned(self, pid: int, now_ns: int) -> None:
        """Note that it was started as `pid`."""
        self.restarts += self.state is State.BACKOFF
        self.pid = pid
        self.spawned_ns = now_ns
        self._begun_ns = self._begun_ns or now_ns
        self.voices.clear()
        self._turn(Cause.SPAWNED, now_ns)

    def ready(self, now_ns: int) -> None:
        """Note that it does its work."""
        if self.state is State.STARTING:
            self._turn(Cause.READY, now_ns)

    def heard(self, pid: int, report: str, facts: dict[str, object], now_ns: int) -> None:
        """Note a report, `ready`, `beat` or `progress`, of one of its system processes."""
        if report == "ready":
            self.voices[pid] = Voice(now_ns, facts)
            if len(self.voices) >= self.program.voices:
                self.ready(now_ns)
        elif report == "progress" and self.state is State.STARTING:
            # A long recovery may take its time as long as it gets on; a restart would begin it anew.
            self._since_ns = now_ns
        elif pid in self.voices:
            self.voices[pid].heard_ns = now_ns
            self.voices[pid].facts |= facts

    def silenced(self, pid: int) -> None:
        """Note that one of its system processes is gone, though it lives itself."""
        self.voices.pop(pid, None)

    def died(self, status: int, now_ns: int) -> None:
        """Note that it ended; `status` is its exit status, negative for the signal that killed it."""
        self.last_words = f"signal {-status}" if status < 0 else f"exit status {status}"
        self.pid = 0
        self.voices.clear()
        if self.program.once:
            self._turn(Cause.REFUSED if status else Cause.FINISHED, now_ns)
        elif status == self.program.refusal:
            self._turn(Cause.REFUSED, now_ns)
        else:
            self.failures += self.state not in (State.STOPPING, State.RUNNING)
            self._turn(Cause.DIED, now_ns)

    def asked_to_stop(self, now_ns: int) -> None:
        """Note that it was told to stop, or need not be started any more."""
        if self.state is not State.STOPPING:
            self._turn(Cause.ASKED, now_ns)

    def due(self, now_ns: int) -> Due:
        """Say what has to be done now; time alone makes a ready process a running one."""
        past = now_ns >= self.due_ns
        if self.state is State.READY and past:
            self.failures = 0
            self._turn(Cause.SETTLED, now_ns)
        if self.state is State.BACKOFF and past:
            return Due.SPAWN
        if self.state in (State.STARTING, State.STOPPING) and past and self.due_ns:
            self._since_ns = now_ns
            return Due.KILL
        return Due.NOTHING

    @property
    def due_ns(self) -> int:
        """When `due` may say something new; 0: never by time alone."""
        if self.program.once and self.state is State.STARTING:
            return 0
        waits = {
            State.STARTING: self.policy.ready_timeout_s,
            State.READY: self.policy.healthy_after_s,
            State.BACKOFF: self._backoff_s(),
            State.STOPPING: self.policy.stop_timeout_s,
        }
        return self._since_ns + int(waits[self.state] * 1e9) if self.state in waits else 0

    def stuck(self, now_ns: int) -> list[int]:
        """Return the pids of voices that have said nothing for longer than the policy allows."""
        if self.state not in WORKING:
            return []
        limit_s = self.policy.silence_limit_s + self.program.patience_s
        if self.takes_over:
            limit_s = max(limit_s, self.policy.ready_timeout_s)
        limit_ns = int(limit_s * 1e9)
        return [pid for pid, voice in self.voices.items() if now_ns - voice.heard_ns > limit_ns]

    def stopped(self, pids: Sequence[int], now_ns: int) -> list[int]:
        """Return which of the pids have been stopped by a signal for longer than the policy allows.

        `pids`: those of its system processes that a signal has stopped now.
        """
        limit_ns = int(self.policy.stopped_limit_s * 1e9)
        self._stopped_ns = {pid: self._stopped_ns.get(pid, now_ns) for pid in pids}
        return [pid for pid, since in self._stopped_ns.items() if now_ns - since >= limit_ns]

    def _backoff_s(self) -> float:
        # A single death is no loop of deaths: everybody waits for this one, so it starts at once.
        if not self.failures:
            return 0.0
        doublings = min(self.failures - 1, 30)
        first, limit = self.policy.backoff_first_s, self.policy.backoff_limit_s
        return float(min(first * 2**doublings, limit))

    def _turn(self, cause: Cause, now_ns: int) -> None:
        assert (self.state, cause) in TRANSITIONS, (
            f"{self.program.name} is {self.state}, and was {cause}"
        )
        self.state = TRANSITIONS[self.state, cause]
        self._since_ns = now_ns
