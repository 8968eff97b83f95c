"""What the running supervisor is asked for, by a command or a signal: restart processes, reload settings.

One wish at a time, in the order in which they came. The arbiter's loop resumes it every turn until it is
done; then who asked is told, and the audit trail has a line.
"""

import logging
import signal
from collections import deque
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, Protocol

from conf import live
from conf.sections import Supervision
from conf.settings import Settings, WrongSetting
from runtime import audit, log
from supervision.control import Control, Request
from supervision.programs import Renewal
from supervision.renewal import GaveUp, House, renew
from supervision.states import WORKING, Part, Process

DOORS = ("ingress", "broadcaster")
"""What SIGUSR1 restarts."""
Told = Generator[None, None, str]


class Watch(House, Protocol):
    """What a wish needs of the arbiter."""

    def take_policy(self, policy: Supervision) -> None:
        """Watch by other times from now on."""


class Wishes:
    """The wishes of one exchange; `settings`: those asked for at the start, `read`: how they are read anew."""

    def __init__(self, settings: Settings, run: Path, read: Callable[[], Settings]) -> None:
        self._settings = settings
        self._run = run
        self._read = read
        self._control = Control(run)
        self._waiting: deque[tuple[dict[str, Any], Request | None]] = deque()
        self._now: tuple[dict[str, Any], Request | None, Told] | None = None
        self._log = logging.getLogger("supervisor")
        live.write(settings, run)

    def fileno(self) -> int:
        """Return the descriptor on which wishes come."""
        return self._control.fileno()

    @property
    def busy(self) -> bool:
        """Whether something is under way: the loop must turn soon."""
        return self._now is not None

    def wish(self, word: str, who: str, names: Sequence[str] = ()) -> None:
        """Ask for something from within, as a signal does."""
        self._waiting.append(({"word": word, "who": who, "names": list(names)}, None))

    def turn(self, watch: Watch) -> None:
        """Hear what is asked, and do the next step of what is under way."""
        while request := self._control.take():
            self._waiting.append((request.asked, request))
        if self._now is None and self._waiting:
            asked, request = self._waiting.popleft()
            self._log.info("asked %s", log.facts(**asked))
            self._now = asked, request, self._steps(asked, watch)
        if self._now is None:
            return
        try:
            next(self._now[2])
        except StopIteration as end:
            self._end(str(end.value), done=True)
        except (GaveUp, WrongSetting) as why:
            self._end(str(why), done=False)

    def close(self) -> None:
        """Tell who still waits that the exchange stops, and take no more wishes."""
        if self._now is not None:
            self._end("the exchange stops", done=False)
        self._control.close()

    def _steps(self, asked: dict[str, Any], watch: Watch) -> Told:
        if asked.get("word") == "restart":
            return (yield from _restart(asked.get("names") or [], watch))
        if asked.get("word") == "reload":
            return (yield from self._reload(watch))
        raise GaveUp(f"{asked.get('word')!r} is nothing that can be asked of the supervisor")

    def _end(self, told: str, *, done: bool) -> None:
        assert self._now
        asked, request, _ = self._now
        self._now = None
        self._log.log(logging.INFO if done else logging.ERROR, "%s: %s", asked.get("word"), told)
        token = audit.WHO.set(str(asked.get("who", "")))
        try:
            about = {"names": " ".join(asked.get("names", []))}
            audit.note(self._settings.data_dir, str(asked.get("word")), about, told)
        except OSError as error:
            self._log.error("not on the audit trail: %s", error)
        finally:
            audit.WHO.reset(token)
        if request:
            request.answer(told, done=done)

    def _reload(self, watch: Watch) -> Told:
        new = self._read()
        found = live.changes(self._settings, new)
        if fixed := [one.name for one in found if not one.live]:
            raise GaveUp(
                f"nothing was changed, for {', '.join(fixed)} cannot change while the exchange runs: "
                "take the change back, or stop the exchange and start it"
            )
        if not found:
            return "no setting differs from what is in force"
        takers = {taker for one in found for taker in one.live}
        affected = [one for one in _sole(watch) if _kind(one) in takers]
        _check(affected)
        self._settings = new
        live.write(new, self._run)
        watch.take_policy(new.supervision)
        renewed = []
        for process in affected:
            if _kind(process) == "broadcaster":
                # It takes them as it runs: its clients stay.
                watch.signal(process, signal.SIGHUP)
            else:
                renewed.append(process.program.name)
        try:
            yield from renew(watch, renewed)
        except GaveUp as why:
            raise GaveUp(f"in force for every process that starts from now on, but {why}") from why
        return "; ".join(map(str, found))


def _restart(names: Sequence[str], watch: Watch) -> Told:
    there = _sole(watch)
    chosen = [one for one in there if one.program.name in names or _kind(one) in names]
    known = {name for one in there for name in (one.program.name, _kind(one))}
    if unknown := [name for name in names if name not in known]:
        running = ", ".join(one.program.name for one in there)
        raise GaveUp(f"there is no process {', '.join(unknown)}; there are {running}")
    for one in chosen:
        if one.program.renewal is Renewal.NEVER:
            raise GaveUp(f"{one.program.name}: {Renewal.NEVER.value}")
    _check(chosen)
    found = [one.program.name for one in chosen]
    yield from renew(watch, found)
    return f"restarted {', '.join(found)}"


def _sole(watch: Watch) -> list[Process]:
    return [one for one in watch.processes if not one.program.once and one.part is Part.SOLE]


def _kind(process: Process) -> str:
    """Return what it is one of: broadcaster-2 is a broadcaster."""
    return process.program.name.partition("-")[0]


def _check(processes: Sequence[Process]) -> None:
    for one in processes:
        if one.state not in WORKING:
            raise GaveUp(f"nothing was changed, for {one.program.name} is {one.state.value}")
