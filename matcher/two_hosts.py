"""A matcher beside one on another host: the lease says who is in charge, the other one follows.

Both hosts run this very program, with each other's address. Who has the lease offers its journal, who
has not copies it and keeps a warm state. When the one in charge is silent and its session with the
database has ended, or it has been silent for `matcher.silence_s`, the other one takes the lease, if its
copy has everything that was acknowledged, which the lease says, too.
"""

from pathlib import Path

from matcher.capacity import FILE
from matcher.follower import Diverged, Follower
from matcher.life import Life, lock_of
from matcher.replicas import Fenced, Replicas
from matcher.shipping import Source
from runtime import clock, endpoints, shared
from runtime.journal import Journal
from runtime.lease import Away, Keeper, Lease, copy_id
from runtime.log import facts
from runtime.segments import last_epoch, segments_in
from runtime.service import BadConfiguration
from runtime.sockets import Ask, Serve

QUIET_NS = 200_000_000
"""Four beats that did not come: then it is looked whether the one in charge still has its session."""
_TRY_NS = 100_000_000
_TURN_MS = 5
_KEY_SIZE = 32


def serve_beside_a_peer(life: Life) -> None:
    """Follow until the lease is ours, then trade until told to stop or until another one has taken over."""
    service, settings = life.service, life.settings
    # What the last life announced is not the market any more, if the other host is in charge.
    shared.withdraw(service.run)
    lock = lock_of(life.folder)
    lease = Lease(settings.database.dsn)
    mine = copy_id(life.folder)
    follower = _follower(life, mine)
    try:
        epoch = _stand_by(life, follower, lease, mine)
    except Diverged:
        life.put_aside()
        return
    if not epoch:
        return
    life.begun_ns = clock.steady_ns()
    engine = follower.engine or life.make_engine()
    journal = follower.journal or Journal(life.folder, None, life.policy)
    journal.begin_epoch(epoch)
    engine.publish()
    keeper = Keeper(lease, epoch)
    keeper.start()
    try:
        life.trade(engine, journal, lambda: _replicas(life, journal, keeper))
    except Fenced as why:
        engine.blocks["status"]["ready"] = 0
        shared.withdraw(service.run)
        service.log.critical("%s: nothing more is told %s", why, facts(epoch=epoch))
    finally:
        keeper.end()
    lock.release()


def _follower(life: Life, mine: int) -> Follower:
    """Return the copy of this host, brought to its end where there is one."""
    wire = Ask(endpoints.REPLICAS.limit, _key(life.settings.matcher.wire_key_file))
    wire.connect(life.settings.matcher.peer)
    return life.follower(wire, mine)


def _stand_by(life: Life, follower: Follower, lease: Lease, mine: int) -> int:
    """Follow until the lease is ours and return its epoch; 0: told to stop.

    Raises: Diverged; BadConfiguration; JournalBroken.
    """
    service = life.service
    takeover = Takeover(life, lease, mine)
    told_ready = False
    while not service.stopping:
        if epoch := takeover.try_to_take(follower.silence_ns()):
            follower.close()
            service.log.warning("in charge %s", facts(epoch=epoch, next_seq=follower.next_seq))
            return epoch
        follower.turn(_TURN_MS)
        seq = follower.next_seq - 1
        if follower.is_whole and not told_ready:
            told_ready = True
            service.ready(role="standby", seq=seq)
        if told_ready:
            behind = max(0, follower.end_seq - follower.next_seq)
            service.beat(role="standby", seq=seq, behind=behind)
        else:
            service.progress(seq=seq)
    follower.leave()
    return 0


class Takeover:
    """When it is time to ask for the lease, and asks."""

    def __init__(self, life: Life, lease: Lease, mine: int) -> None:
        self._life = life
        self._lease = lease
        self._mine = mine
        self._silence_ns = int(life.settings.matcher.silence_s * 1e9)
        self._tried_ns = 0
        self._told = ""

    def try_to_take(self, silent_ns: int) -> int:
        """Return the epoch of the lease when it could be taken, else 0.

        Who was in charge itself need not wait for a silence: it has everything.
        """
        now_ns = clock.steady_ns()
        is_first = not self._tried_ns
        if not is_first and (silent_ns < QUIET_NS or now_ns - self._tried_ns < _TRY_NS):
            return 0
        self._tried_ns = now_ns
        folder = self._life.folder
        try:
            standing = self._lease.standing()
            if is_first and standing and standing.holder != self._mine:
                return 0
            known = last_epoch(folder)
            epoch = self._lease.take(
                self._mine,
                known,
                may_begin=bool(segments_in(folder)) and not known,
                force=silent_ns > self._silence_ns,
            )
        except Away as why:
            self._tell(f"the lease cannot be asked for: {why}")
            return 0
        if not epoch:
            self._tell(_why_not(standing is None, is_new=not segments_in(folder)))
        return epoch

    def _tell(self, why: str) -> None:
        if why != self._told:
            self._told = why
            self._life.service.log.warning("not in charge: %s", why)


def _why_not(nobody: bool, *, is_new: bool) -> str:
    if nobody and is_new:
        return (
            "nobody has had the lease yet; on the host that shall begin: `openbourse lease --take`"
        )
    if nobody:
        return (
            "the database does not know the lease that this journal was written under: name the right "
            "database, or `openbourse lease --take`"
        )
    return "the other one has the lease, or this copy does not have everything"


def _replicas(life: Life, journal: Journal, keeper: Keeper) -> Replicas:
    """Offer the journal to the other host."""
    settings = life.settings
    wire = Serve(endpoints.REPLICAS.limit, _key(settings.matcher.wire_key_file))
    wire.bind(settings.matcher.offer)
    source = Source(
        life.folder,
        journal.place.head.journal_id,
        keeper.epoch,
        (life.folder / FILE).read_bytes(),
    )
    return Replicas(
        wire,
        life.service.log,
        journal.next_seq,
        settings.journal.alone_after_s,
        source=source,
        keeper=keeper,
        waits=settings.journal.replicas > 0,
    )


def _key(path: str) -> bytes:
    """Return the secret of the wire between the hosts; none where no file is named.

    Raises: BadConfiguration.
    """
    if not path:
        return b""
    try:
        key = bytes.fromhex(Path(path).read_text().strip())
    except (OSError, ValueError) as error:
        raise BadConfiguration(f"matcher.wire_key_file: {error}") from error
    if len(key) != _KEY_SIZE:
        raise BadConfiguration(
            f"matcher.wire_key_file: {path} holds {len(key)} bytes, {_KEY_SIZE} are needed: "
            "`openssl rand -hex 32`"
        )
    return key
