"""From snapshots back to the state: which one is used, what is refused, what is cleared away."""

import io
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conf.settings import Settings
from matcher import recovery, replay_events
from matcher.core.engine import Engine
from matcher.recovery import replay_into, restore_newest, snapshot_folder
from matcher.snapshotter import Snapshotter, Unfaithful, wait_for_journal
from runtime import endpoints, shared, snapshot
from runtime.durable import DurableReader
from runtime.journal import Journal
from runtime.replay import JournalReader
from runtime.segments import CorruptJournal, segments_in
from tests.matcher_house import rows_of_pipe
from tests.test_recovery import POLICY, SMALL, SMALL_CORE, Exchange, published


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("r", "memory"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "r"))
    monkeypatch.setattr(shared, "_FOLDER", tmp_path / "memory")
    return Settings(data_dir=tmp_path / "data", core=SMALL_CORE)


@pytest.fixture
def exchange(settings: Settings) -> Iterator[Exchange]:
    found = Exchange(settings.data_dir)
    yield found
    found.end()


class Story:
    """An exchange that trades, with a snapshotter that follows it."""

    def __init__(self, exchange: Exchange, settings: Settings, kept: int = 10) -> None:
        self.exchange = exchange
        self.data_dir = settings.data_dir
        self.run = endpoints.run_dir(settings.data_dir)
        exchange.trade(random.Random(1), 5)
        published(exchange, self.run, exchange.journal.next_seq - 1)
        self.keeper = Snapshotter(
            self.data_dir, lambda journal: DurableReader(journal, self.run), kept
        )

    def trade_and_take(self, seed: int, batches: int = 20, watermark: int | None = None) -> Path:
        self.exchange.trade(random.Random(seed), batches)
        published(self.exchange, self.run, self.exchange.journal.next_seq - 1)
        for _ in self.keeper.follow():
            pass
        path = self.keeper.take(watermark)
        assert path is not None
        return path

    def recovered(self) -> tuple[Engine, int, list[str]]:
        """Recover; return the engine, the seq of the snapshot used, and what was said."""
        engine, said = Engine(replace(SMALL, index_seed=random.getrandbits(31))), list[str]()
        reader = restore_newest(engine, self.data_dir, tell=said.append)
        used = reader.next_seq - 1
        replay_into(engine, reader.read())
        assert engine.digest() == self.exchange.engine.digest()
        return engine, used, said


@pytest.fixture
def story(exchange: Exchange, settings: Settings) -> Story:
    return Story(exchange, settings)


def seq_of(path: Path) -> int:
    return int(path.stem)


def flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x40
    path.write_bytes(content)


def test_the_newest_snapshot_and_the_rest_of_the_journal_lead_to_the_state(story: Story) -> None:
    story.trade_and_take(2)
    newest = story.trade_and_take(3)
    story.exchange.trade(random.Random(4), 10)
    _, used, said = story.recovered()
    assert used == seq_of(newest)
    assert said == []


def test_without_a_snapshot_the_journal_alone_leads_there(story: Story) -> None:
    assert story.recovered()[1:] == (0, [])


@pytest.mark.parametrize("place", [0, 44, 300, 0.3, 0.7, -1])
def test_a_damaged_snapshot_is_named_and_the_one_before_it_is_used(
    story: Story, place: float
) -> None:
    older, newest = story.trade_and_take(2), story.trade_and_take(3)
    size = newest.stat().st_size
    flip(newest, int(place * size) if isinstance(place, float) else place % size)
    _, used, said = story.recovered()
    assert used == seq_of(older)
    assert len(said) == 1
    assert newest.name in said[0]


def test_when_every_snapshot_is_damaged_the_journal_alone_leads_there(story: Story) -> None:
    paths = [story.trade_and_take(seed) for seed in (2, 3)]
    for path in paths:
        flip(path, path.stat().st_size // 2)
    _, used, said = story.recovered()
    assert used == 0
    assert len(said) == 2


def test_a_torn_draft_is_not_looked_at(story: Story) -> None:
    kept = story.trade_and_take(2)
    draft = snapshot_folder(story.data_dir) / snapshot.snapshot_name(seq_of(kept) + 5)
    draft.with_suffix(".draft").write_bytes(kept.read_bytes()[:700])
    assert story.recovered()[1:] == (seq_of(kept), [])


def test_a_matcher_goes_on_behind_a_snapshot_as_if_it_had_replayed_everything(
    story: Story, settings: Settings
) -> None:
    story.trade_and_take(2)
    story.exchange.journal.close()
    engine = Engine(SMALL)
    reader = restore_newest(engine, story.data_dir)
    replay_into(engine, reader.read())
    exchange = story.exchange
    exchange.journal = Journal(exchange.folder, reader.place, POLICY)
    exchange.engine = engine
    exchange.trade(random.Random(9), 20)
    whole = Engine(SMALL)
    replay_into(whole, JournalReader(exchange.folder).read())
    assert whole.digest() == exchange.engine.digest()


def test_a_snapshot_of_other_capacities_is_left_aside(story: Story) -> None:
    story.trade_and_take(2)
    engine, said = Engine(replace(SMALL, lists=32)), list[str]()
    assert restore_newest(engine, story.data_dir, tell=said.append).next_seq == 1
    assert "other capacities" in said[0]


def test_a_snapshot_of_another_release_is_left_aside(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.trade_and_take(2)
    monkeypatch.setattr(recovery, "STATE_VERSION", recovery.STATE_VERSION + 1)
    _, used, said = story.recovered()
    assert used == 0
    assert "state version" in said[0]


def test_a_snapshot_of_another_journal_is_left_aside(story: Story, tmp_path: Path) -> None:
    other = Exchange(tmp_path / "other")
    taken = Story(other, Settings(data_dir=tmp_path / "other", core=SMALL_CORE)).trade_and_take(3)
    folder = snapshot_folder(story.data_dir)
    folder.mkdir()
    (folder / taken.name).write_bytes(taken.read_bytes())
    _, used, said = story.recovered()
    other.end()
    assert used == 0
    assert "another journal" in said[0]


def test_a_journal_that_lost_what_a_snapshot_has_seen_is_refused(story: Story) -> None:
    before = [(path, path.read_bytes()) for path in segments_in(story.exchange.folder)]
    story.trade_and_take(2)
    for path in segments_in(story.exchange.folder):
        path.unlink()
    for path, content in before:
        path.write_bytes(content)
    with pytest.raises(CorruptJournal, match="a snapshot shows that commands up to"):
        restore_newest(Engine(SMALL), story.data_dir)


def test_nothing_new_is_no_new_snapshot(story: Story) -> None:
    story.trade_and_take(2)
    assert story.keeper.take() is None


def test_only_the_newest_snapshots_are_kept(exchange: Exchange, settings: Settings) -> None:
    story = Story(exchange, settings, kept=2)
    taken = [story.trade_and_take(seed, 3) for seed in range(4)]
    assert snapshot.snapshots_in(snapshot_folder(story.data_dir)) == taken[-2:]


def test_a_snapshot_that_does_not_lead_back_is_never_kept(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Engine.save

    def forgets_money(engine: Engine) -> dict[str, object]:
        saved = save(engine)
        saved["balances"]["free"][0] += 1
        return saved

    monkeypatch.setattr(Engine, "save", forgets_money)
    with pytest.raises(Unfaithful):
        story.trade_and_take(2)
    assert list(snapshot_folder(story.data_dir).iterdir()) == []


def test_segments_go_only_when_snapshots_and_database_are_past_them(
    exchange: Exchange, settings: Settings
) -> None:
    story = Story(exchange, settings, kept=1)
    taken = story.trade_and_take(2, 150)
    segments = segments_in(exchange.folder)
    assert len(segments) > 2
    event_seq = snapshot.read(taken).event_seq
    assert story.keeper.clear_segments(event_seq - 1) == []
    assert segments_in(exchange.folder) == segments
    assert story.keeper.clear_segments(event_seq) == segments[:-1]
    assert segments_in(exchange.folder) == segments[-1:]
    exchange.trade(random.Random(7), 10)
    assert story.recovered()[1] == seq_of(taken)
    taken.unlink()
    with pytest.raises(CorruptJournal, match="seq 1 is needed"):
        story.recovered()


def test_of_a_journal_that_no_books_are_made_of_only_snapshots_need_segments(
    exchange: Exchange, settings: Settings
) -> None:
    story = Story(exchange, settings, kept=2)
    older, taken = story.trade_and_take(2, 150), story.trade_and_take(3, 150)
    segments = segments_in(exchange.folder)
    needed = int(snapshot.read(older).note["place"]["segment"])
    kept = [path for path in segments if int(path.stem) >= needed]
    assert 1 < len(kept) < len(segments)
    assert story.keeper.clear_segments() == segments[: -len(kept)]
    assert segments_in(exchange.folder) == kept
    exchange.trade(random.Random(7), 10)
    assert story.recovered()[1] == seq_of(taken)
    # The older one still leads to the state, when the newer one is damaged.
    flip(taken, 4000)
    assert story.recovered()[1] == seq_of(older)


def test_a_snapshot_stays_from_which_a_database_far_behind_is_caught_up(
    exchange: Exchange, settings: Settings
) -> None:
    story = Story(exchange, settings, kept=2)
    taken = [story.trade_and_take(2)]
    watermark = snapshot.read(taken[0]).event_seq
    taken += [story.trade_and_take(seed, watermark=watermark) for seed in (3, 4, 5, 6)]
    assert snapshot.snapshots_in(snapshot_folder(story.data_dir)) == [taken[0], *taken[-2:]]
    flip(taken[3], 4000)
    watermark = snapshot.read(taken[4]).event_seq - 1
    taken.append(story.trade_and_take(7, watermark=watermark))
    # The damaged one is no use to anybody, so the oldest must stay.
    assert snapshot.snapshots_in(snapshot_folder(story.data_dir)) == [taken[0], *taken[-2:]]
    story.trade_and_take(8, watermark=snapshot.read(taken[-1]).event_seq)
    assert taken[0] not in snapshot.snapshots_in(snapshot_folder(story.data_dir))


def test_no_segment_goes_while_the_oldest_snapshot_is_damaged(
    exchange: Exchange, settings: Settings
) -> None:
    story = Story(exchange, settings, kept=2)
    flip(story.trade_and_take(2, 150), 4000)
    event_seq = snapshot.read(story.trade_and_take(3)).event_seq
    assert story.keeper.clear_segments(event_seq) == []
    story.trade_and_take(4)
    assert story.keeper.clear_segments(event_seq)


@pytest.mark.parametrize("share", [0.1, 0.6, 1.0])
def test_a_consumer_is_told_missed_events_from_a_snapshot_below_them(
    story: Story, settings: Settings, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.trade_and_take(2)
    story.trade_and_take(3)
    told = story.exchange.told
    first = 1 + int(share * len(told))
    replayed: list[int] = []
    into = recovery.replay_into

    def counted(*args: object, **kwargs: object) -> int:
        replayed.append(into(*args, **kwargs))  # type: ignore[arg-type]
        return replayed[-1]

    monkeypatch.setattr(replay_events, "replay_into", counted)
    out = io.BytesIO()
    replay_events.replay_events(settings, first, out)
    assert (rows_of_pipe(out.getvalue()) == told[first - 1 :]).all()
    seqs = [seq_of(path) for path in snapshot.snapshots_in(snapshot_folder(story.data_dir))]
    wanted = int(told["seq"][min(first, len(told)) - 1])
    below = max((seq for seq in seqs if seq < wanted or first > len(told)), default=0)
    assert sum(replayed) == story.exchange.journal.next_seq - 1 - below


def test_every_snapshot_leads_to_the_same_state(story: Story) -> None:
    paths = [story.trade_and_take(seed, 4) for seed in range(2, 8)]
    for path in reversed(paths):
        assert story.recovered()[1] == seq_of(path)
        path.unlink()
    assert story.recovered()[1] == 0
    assert np.unique([path.stem for path in paths]).size == len(paths)


class Waiting:
    """A service that makes a file when it has waited long enough, or is told to stop."""

    def __init__(self, makes: Path | None) -> None:
        self.stopping = False
        self.makes = makes
        self.told = 0

    def progress(self, **facts: object) -> None:
        self.told += 1
        if self.told == 2 and self.makes:
            self.makes.parent.mkdir()
            self.makes.touch()
        self.stopping = self.told == 3


@pytest.mark.parametrize(
    ("name", "is_there"), [("capacities.json", True), ("000000000001.journal", True), ("", False)]
)
def test_a_journal_that_was_put_aside_is_waited_for(
    tmp_path: Path, name: str, is_there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matcher.snapshotter._NAP_S", 0.0)
    folder = tmp_path / "journal"
    service = Waiting(folder / name if name else None)
    assert wait_for_journal(service, folder) is is_there
    assert service.told == (2 if is_there else 3)
