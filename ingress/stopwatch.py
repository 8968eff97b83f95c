"""Where the time of a request goes, seen from its worker: counted per request that asked the matcher.

    begun ──received──▶ asked ──▶ … the matcher's stages … ──▶ visible ──told──▶ heard ──answered──▶ done

The stages of the matcher lie between `asked` and `visible` (`matcher/stages.py`), on the same clock; so all
stages together add up to the whole. Requests that ask twice (cancelReplace, batches) are left out.
"""

from pathlib import Path

import numpy as np

from ingress.compiled.noting import note_four
from ingress.timing import Timing
from runtime import clock
from runtime.meters import BOUNDS_NS, LONGEST_NS, Meter, Meters
from runtime.trail import Step, TrailReader

STAGE = "openbourse_stage_seconds"
WHOLE = "openbourse_order_seconds"
REQUESTS = "openbourse_requests_total"
PENDING = "openbourse_pending_commands"
_BOUNDS = np.array(BOUNDS_NS, np.int64)
_LOOK_BACK = 64
"""Batches the matcher may have done since; an answer that is later than that is not counted."""
_WHY = "Time of a command in one stage of its path."
STATUSES = (200, 400, 401, 403, 404, 409, 418, 429, 500, 503)
METERS = (
    *(Meter(STAGE, "histogram", _WHY, {"stage": stage}) for stage in ("received", "told", "answered")),
    Meter(WHOLE, "histogram", "Time from a request's arrival at its worker to its answer."),
    *(
        Meter(REQUESTS, "counter", "Requests answered, by HTTP status.", {"status": str(status)})
        for status in (*STATUSES, "other")
    ),
    Meter(PENDING, "gauge", "Commands that wait for the matcher's answer."),
)  # fmt: skip


class Stopwatch:
    """The counters of one worker; `run`: where readers look, None where nobody does."""

    def __init__(self, run: Path | None = None, name: str = "ingress") -> None:
        meters = Meters(run, name, METERS)
        self._cells = meters.numbers
        self._received = meters.histogram(STAGE, stage="received").at
        self._told = meters.histogram(STAGE, stage="told").at
        self._answered = meters.histogram(STAGE, stage="answered").at
        self._whole = meters.histogram(WHOLE).at
        self._requests = {status: meters.count(REQUESTS, status=str(status)) for status in STATUSES}
        self._other = meters.count(REQUESTS, status="other")
        self.pending = meters.count(PENDING)
        self._trail = TrailReader(run, "matcher") if run else None
        self._step = Step(0, -1, 0, 0, 0)

    def count(self, status: int, requests: int = 1) -> None:
        """Count requests that have been answered."""
        self._requests.get(status, self._other).add(requests)

    def done(self, timing: Timing, status: int) -> None:
        """Count a request that has been answered, and note where its time went."""
        self.count(status)
        self.note(timing)

    def note(self, timing: Timing, requests: int = 1) -> None:
        """Note where the time of requests went that were begun, and answered, together."""
        if timing.asks != 1 or not timing.heard_ns or self._trail is None:
            return
        step = self._step
        if not step.first <= timing.seq <= step.last:
            # Answers come batch by batch: most are of the batch of the one before.
            found = self._trail.find(timing.seq, _LOOK_BACK)
            if found is None:
                return
            step = self._step = found
        now_ns = clock.wall_ns()
        note_four(
            self._cells,
            _BOUNDS,
            LONGEST_NS,
            requests,
            self._received,
            timing.asked_ns - timing.begun_ns,
            self._told,
            timing.heard_ns - step.matched_ns,
            self._answered,
            now_ns - timing.heard_ns,
            self._whole,
            now_ns - timing.begun_ns,
        )
