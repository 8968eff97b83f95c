"""The one loop that starts, watches and stops the processes.

Signal handlers only note the signal and wake the loop; the loop alone acts. A turn: obey signals,
bury the dead, hear reports, do what is due, write the status file, sleep until something happens.
"""

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from conf.sections import Supervision
from runtime import clock, endpoints, log
from runtime.sockets import Pull
from supervision.doors import Doors, inherited
from supervision.notify import VARIABLES, Notifier
from supervision.pids import group_of, has_terminal, is_stopped, send, send_group
from supervision.programs import Program
from supervision.states import ALIVE, ENDED, SATISFIED, Due, Part, Process, State
from supervision.wishes import DOORS, Wishes

_LEASH = str(Path(__file__).with_name("leash.py"))
_LONGEST_SLEEP_S = 0.5
_PROBE_SLEEP_S = 0.02
_LOOK_NS = 250_000_000
"""How often it is looked which processes a signal has stopped."""
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SIGNALS = (*_STOP_SIGNALS, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD)


class Arbiter:
    """Owner of all processes of one exchange. `programs` in the order in which they may start.

    `stop_order` names those whose stop has an order (first to last); the others stop with the
    first. `announce` is called once, when all of them do their work; `publish` at every change and
    about twice a second, with the processes, for the status file. `wishes`: what may be asked of it.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        stop_order: Sequence[str],
        policy: Supervision,
        run: Path,
        environ: Mapping[str, str],
        *,
        announce: Callable[[], None],
        publish: Callable[[Sequence[Process]], None],
        notifier: Notifier | None = None,
        wishes: Wishes | None = None,
    ) -> None:
        self.processes = [Process(program, policy) for program in programs]
        self._stop_order = stop_order
        self._run = run
        self._notifier = notifier or Notifier({})
        self._environ = {name: value for name, value in environ.items() if name not in VARIABLES}
        self._announce = announce
        self._publish = publish
        self._log = logging.getLogger("supervisor")
        self._children: dict[Process, subprocess.Popen[bytes]] = {}
        self._doors = Doors()
        self._wishes = wishes
        self._had_terminal = has_terminal()
        self._signals: deque[int] = deque()
        self._wake, self._waker = socket.socketpair()
        self._reports = Pull(endpoints.REPORTS.limit)
        self._stop_signals = 0
        self._announced = False
        self._policy = policy
        self._failed = False
        self._looked_ns = 0

    @property
    def stopping(self) -> bool:
        """Whether everything is on its way down."""
        return self._stop_signals > 0

    def serve(self) -> int:
        """Run until all processes have stopped; the exit status."""
        self._catch_signals()
        self._reports.bind(endpoints.address(endpoints.REPORTS, self._run))
        while True:
            self._obey()
            self._bury()
            self._hear()
            self._advance(clock.steady_ns())
            # Before anybody is answered and after what is done for a wish.
            self._publish(self.processes)
            if self._wishes and not self.stopping:
                self._wishes.turn(self)
                self._publish(self.processes)
            self._notifier.alive()
            if self.stopping and all(one.state in ENDED for one in self.processes):
                break
            self._sleep()
        self._reports.close()
        return 1 if self._failed else 0

    def stop(self, why: str) -> None:
        """Begin the orderly stop; asked a second time, end everything at once."""
        self._stop_signals += 1
        self._log.info("stopping %s", log.facts(why=why))
        self._notifier.stopping()
        if self._wishes:
            self._wishes.close()
            self._wishes = None
        if self._stop_signals > 1:
            for process in self.processes:
                self._kill(process)

    def _catch_signals(self) -> None:
        def note(number: int, frame: FrameType | None) -> None:
            self._signals.append(number)

        for end in (self._wake, self._waker):
            end.setblocking(False)
        for number in _SIGNALS:
            # nohup asks to outlive the terminal: what was ignored at the start stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, note)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)

    def _obey(self) -> None:
        while self._signals:
            number = self._signals.popleft()
            # A terminal that was closed takes the exchange along, as it does other programs.
            hung_up = number == signal.SIGHUP and self._had_terminal and not has_terminal()
            if (
                number in _STOP_SIGNALS
                or hung_up
                or (number != signal.SIGCHLD and not self._wishes)
            ):
                self.stop(signal.Signals(number).name)
            elif self._wishes and number == signal.SIGHUP:
                self._wishes.wish("reload", "SIGHUP")
            elif self._wishes and number == signal.SIGUSR1:
                self._wishes.wish("restart", "SIGUSR1", DOORS)

    def _bury(self) -> None:
        for process in list(self.processes):
            child = self._children.get(process)
            if child is None or (status := child.poll()) is None:
                continue
            del self._children[process]
            # What the dead one had started itself must not keep its port or its locks.
            send_group(child.pid, signal.SIGKILL)
            process.died(status, clock.steady_ns())
            spare = self._spare_for(process)
            self._tell_end(process, child.pid, spare)
            if process.part is not Part.SPARE:
                self._pass_on(process, spare)

    def _others(self, process: Process) -> list[Process]:
        name = process.program.name
        return [one for one in self.processes if one.program.name == name and one is not process]

    def _spare_for(self, ended: Process) -> Process | None:
        """Return the spare that has the place of one that died; one that stands still is no help and ended."""
        spares = [one for one in self._others(ended) if one.part is Part.SPARE]
        for spare in [one for one in spares if is_stopped(one.pid)]:
            self._kill(spare)
            spares.remove(spare)
        dead = ended.state in (State.BACKOFF, State.FATAL)
        living = (one for one in spares if one.state in ALIVE and one.state is not State.STOPPING)
        return next(living, None) if dead and ended.part is Part.SOLE else None

    def _pass_on(self, ended: Process, spare: Process | None) -> None:
        """Let the one that is left of two be the only one; a door that nobody uses is shut."""
        others = [one for one in self._others(ended) if one.part is not Part.SPARE or one is spare]
        if not others:
            self._doors.shut(ended.program.name)
        for other in others:
            if ended.part is Part.SOLE:
                other.restarts = ended.restarts + 1
                other.last_words = ended.last_words
            other.part = Part.SOLE
            self.processes.remove(ended)
        for other in self._others(ended):
            # What it could not be started with may have been mended by now.
            if other.part is Part.SPARE and other.state is State.FATAL:
                self.processes.remove(other)

    def _tell_end(self, process: Process, pid: int, spare: Process | None) -> None:
        lived_s = (clock.steady_ns() - process.spawned_ns) / 1e9
        named = {"process": process.program.name, "pid": pid, "by": process.last_words}
        facts = log.facts(**named, lived_s=lived_s)
        if process.state is State.FATAL and process.part is Part.SOLE:
            self._log.critical("cannot run, see its message above; not started again: %s", facts)
            self._give_up(process)
        elif spare:
            self._log.error("died, its spare has its place %s", f"{facts} {log.facts(spare=spare.pid)}")  # fmt: skip
        elif process.part in (Part.NEXT, Part.LAST):
            self._log.log(logging.ERROR if process.part is Part.NEXT else logging.INFO, "ended %s", facts)  # fmt: skip
        elif process.state is State.BACKOFF:
            again_s = max(0, process.due_ns - clock.steady_ns()) / 1e9
            self._log.error("died, starts again %s", f"{facts} {log.facts(in_s=again_s)}")
            if process.is_hopeless and process.part is Part.SOLE:
                self._give_up(process)
        else:
            self._log.info("%s %s", process.state, facts)

    def _give_up(self, process: Process) -> None:
        """End a start that cannot succeed; once the exchange has been up, the others go on."""
        self._failed = self._failed or not self._announced or process.state is State.FATAL
        if not self._announced and not self.stopping:
            self._log.critical("%s cannot run: the start is given up", process.program.name)
            self.stop(f"{process.program.name} cannot run")

    def _hear(self) -> None:
        now_ns = clock.steady_ns()
        while frames := list(self._reports.drain(endpoints.REPORTS.limit)):
            for frame in frames:
                self._take(frame, now_ns)
        for process in self.processes:
            for pid in [pid for pid in process.voices if not group_of(pid)]:
                process.silenced(pid)
            for pid in process.stuck(now_ns):
                self._log.error("stuck %s", log.facts(process=process.program.name, pid=pid))
                send(pid, signal.SIGKILL)
                process.silenced(pid)
        self._end_stopped(now_ns)

    def _end_stopped(self, now_ns: int) -> None:
        """End what a signal has stopped: it says nothing, and would not hear SIGTERM either."""
        if now_ns < self._looked_ns + _LOOK_NS:
            return
        self._looked_ns = now_ns
        for process in self.processes:
            pids = {process.pid, *process.voices} if process.state in ALIVE else set()
            for pid in process.stopped([one for one in pids if is_stopped(one)], now_ns):
                self._log.error("stopped by a signal, killed %s", log.facts(process=process.program.name, pid=pid))  # fmt: skip
                send(pid, signal.SIGKILL)

    def _take(self, frame: bytes, now_ns: int) -> None:
        try:
            facts = json.loads(frame)
            name, pid, report = facts.pop("process"), int(facts.pop("pid")), facts.pop("report")
        except (ValueError, KeyError, TypeError, AttributeError):
            self._log.warning("unreadable report %s", log.facts(text=frame[:200]))
            return
        # A report of an earlier life may still lie in the wire: only the present one's count.
        alive = [one for one in self.processes if one.program.name == name and one.pid]
        process = next((one for one in alive if group_of(pid) == one.pid), None)
        if process is None:
            return
        before = process.state
        process.heard(pid, report, facts, now_ns)
        if process.state is not before:
            self._log.info("ready %s", log.facts(process=process.name, pid=process.pid))

    def _advance(self, now_ns: int) -> None:
        for process in self.processes:
            self._probe(process, now_ns)
            due = process.due(now_ns)
            if due is Due.KILL:
                self._log.error("too slow, killed %s", log.facts(process=process.program.name))
                self._kill(process)
            elif self.stopping or self._waits(process):
                continue
            elif due is Due.SPAWN or self._may_start(process):
                self._spawn(process)
        if self.stopping:
            self._stop_next(now_ns)
        elif self._announced:
            self._keep_spares()
        elif not any(one.is_awaited(now_ns) for one in self.processes):
            self._announced = True
            self._notifier.ready()
            self._announce()

    def _keep_spares(self) -> None:
        for process in list(self.processes):
            if process.program.spare and process.complete and not self._others(process):
                self._add(process, Part.SPARE)

    def _waits(self, process: Process) -> bool:
        """Whether it is a spare whose time has not come: whoever has the place needs the processor first."""
        others = self._others(process)
        return process.part is Part.SPARE and not any(one.complete for one in others)

    def _probe(self, process: Process, now_ns: int) -> None:
        probe = process.program.probe
        if process.state is State.STARTING and probe and probe(process.pid):
            process.ready(now_ns)
            self._log.info("ready %s", log.facts(process=process.program.name, pid=process.pid))

    def _may_start(self, process: Process) -> bool:
        needs = process.program.needs
        needed = [one.state for one in self.processes if one.program.name in needs]
        return process.state is State.STOPPED and all(state in SATISFIED for state in needed)

    def _stop_next(self, now_ns: int) -> None:
        for process in self.processes:
            if process.program.name not in self._stop_order:
                self._ask(process, now_ns)
        # First who stands by: nobody shall step in for one that was asked to stop.
        waiting = [one for one in self.processes if one.stands_by]
        groups = [[one for one in self.processes if one.program.name == name] for name in self._stop_order]  # fmt: skip
        for named in (waiting, *groups):
            for process in named:
                self._ask(process, now_ns)
            if any(one.state not in ENDED for one in named):
                return

    def _ask(self, process: Process, now_ns: int) -> None:
        if process.state in ALIVE and process.state is not State.STOPPING:
            send(process.pid, process.program.stop_signal)
        if process.state not in ENDED:
            process.asked_to_stop(now_ns)

    def _spawn(self, process: Process) -> None:
        program = process.program
        tie = [sys.executable, "-S", "-E", _LEASH, str(os.getpid()), str(int(program.stop_signal))]
        door = self._doors.open(program)
        argv = program.spare if process.part is Part.SPARE else program.argv
        child = subprocess.Popen(
            [*tie, *argv],
            env=self._environ | dict(program.environ) | inherited(door),
            stdin=subprocess.DEVNULL,
            pass_fds=door,
            # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops in order.
            start_new_session=True,
        )
        self._children[process] = child
        process.spawned(child.pid, clock.steady_ns())
        hint = {"hint": program.hint} if program.hint else {}
        self._log.info("started %s", log.facts(process=process.name, pid=child.pid, **hint))
        self._publish(self.processes)

    def signal(self, process: Process, number: int) -> None:
        """Send a signal to one process."""
        send(process.pid, number)

    def ask_to_stop(self, process: Process) -> None:
        """Ask one process to stop; the loop starts it again unless another one has its place."""
        self._ask(process, clock.steady_ns())

    def succeed(self, process: Process) -> Process:
        """Start a second process of the same program; the first one works on."""
        successor = self._add(process, Part.NEXT)
        successor.restarts = process.restarts
        return successor

    def _add(self, process: Process, part: Part) -> Process:
        another = Process(process.program, self._policy)
        another.part = part
        self.processes.insert(self.processes.index(process) + 1, another)
        self._spawn(another)
        return another

    def change_over(self, process: Process, successor: Process) -> None:
        """Let the successor be the one that counts, and the first one go."""
        process.part, successor.part = Part.LAST, Part.SOLE
        # Told before it may be gone: nobody must miss it.
        self._publish(self.processes)
        self.ask_to_stop(process)

    def drop(self, process: Process) -> None:
        """End a successor that is not wanted any more."""
        self._kill(process)

    def take_policy(self, policy: Supervision) -> None:
        """Watch by other times from now on."""
        self._policy = policy
        for process in self.processes:
            process.policy = policy

    @property
    def ready_timeout_s(self) -> float:
        """How long a process may take until it does its work."""
        return self._policy.ready_timeout_s

    def _kill(self, process: Process) -> None:
        if process.state in ALIVE and process.pid:
            send_group(process.pid, signal.SIGKILL)

    def _sleep(self) -> None:
        now_ns = clock.steady_ns()
        times = [one.due_ns for one in self.processes if one.due_ns and not self._waits(one)]
        until_s = max(0.0, (min(times) - now_ns) / 1e9) if times else _LONGEST_SLEEP_S
        probing = any(one.program.probe and one.state is State.STARTING for one in self.processes)
        busy = probing or (self._wishes and self._wishes.busy)
        limit_s = _PROBE_SLEEP_S if busy else _LONGEST_SLEEP_S
        readers = [self._wake.fileno(), self._reports.fileno()]
        if self._wishes:
            readers.append(self._wishes.fileno())
        if select.select(readers, [], [], min(until_s, limit_s))[0]:
            try:
                self._wake.recv(4096)
            except BlockingIOError:
                return
