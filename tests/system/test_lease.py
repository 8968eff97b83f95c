"""The lease in a real database: one of two gets it, by what its copy has, and who lost it is told."""

import os
import signal
import time

import psycopg
import pytest

from runtime import lease
from runtime.lease import Away, Keeper, Lease, copy_id

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
A, B = 11, 22


@pytest.fixture
def two(database):
    found = Lease(database), Lease(database)
    yield found
    for one in found:
        one.close()


def take(lease, mine, journal_epoch=0, *, may_begin=False, force=False):
    return lease.take(mine, journal_epoch, may_begin=may_begin, force=force)


def take_when_free(lease, mine):
    """Take it once the server has noticed that the holder's session was closed."""
    deadline = time.monotonic() + 20
    while not (epoch := take(lease, mine)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return epoch


def begun(lease):
    """The first epoch, of A."""
    epoch = take(lease, A, may_begin=True)
    assert epoch == 1
    return epoch


def test_nobody_has_it_until_one_begins(two):
    one, _ = two
    assert one.standing() is None
    assert take(one, A) == 0
    assert begun(one) == 1
    assert one.standing()[:3] == (1, A, 0)


def test_of_two_who_begin_one_does(two):
    one, other = two
    begun(one)
    assert take(other, B, may_begin=True) == 0
    assert one.standing().holder == A


def test_a_copy_that_lacks_something_does_not_get_it(two):
    one, other = two
    begun(one)
    one.close()
    assert take(other, B, force=True) == 0


def test_the_copy_that_has_everything_gets_it_when_the_session_has_ended(two):
    one, other = two
    epoch = begun(one)
    assert one.declare(epoch, B, 1)
    assert take(other, B) == 0, "the holder lives"
    one.close()
    assert take_when_free(other, B) == 2
    assert other.standing()[:3] == (2, B, 0)


def test_the_session_of_a_silent_holder_is_ended(two):
    one, other = two
    epoch = begun(one)
    assert one.declare(epoch, B, 1)
    assert take(other, B, force=True) == 2
    with pytest.raises(Away):
        one.standing()
    # In a new session it hears that it is not the holder any more.
    assert not one.keep(epoch)
    assert not one.declare(epoch, A, 2)
    assert other.standing()[:3] == (2, B, 0)


def test_who_held_it_gets_it_again_under_a_new_epoch(two):
    one, other = two
    epoch = begun(one)
    one.declare(epoch, B, 1)
    one.close()
    assert take_when_free(other, A) == 2
    assert not one.declare(epoch, B, 2)
    # It has everything, and nobody stands behind it now.
    assert other.standing()[:3] == (2, A, 0)


def test_an_epoch_is_newer_than_the_journal_whatever_the_database_has_forgotten(two):
    one, _ = two
    assert take(one, A, 7, may_begin=True) == 8


def test_a_statement_that_arrives_late_changes_nothing(two):
    one, _ = two
    epoch = begun(one)
    assert one.declare(epoch, 0, 2)
    assert one.declare(epoch, B, 1)
    assert one.standing().replica == 0


def test_the_word_of_an_operator_is_enough(two):
    one, other = two
    one.give(B)
    assert take(other, A) == 0
    assert take(other, B) == 1
    one.give(A)
    other.close()
    assert take_when_free(one, A) == 2


def test_a_keeper_declares_what_is_wished_and_notices_a_loss(two, database):
    one, other = two
    keeper = Keeper(one, begun(one))
    keeper.wish(B)
    assert keeper.possible == {0, B}
    keeper.turn()
    assert keeper.possible == {B}
    assert other.standing().replica == B
    keeper.wish(0)
    keeper.wish(B)
    assert keeper.possible == {0, B}
    keeper.turn()
    assert keeper.possible == {B}
    assert take(other, B, force=True) == 2
    for _ in range(2):
        keeper.turn()
    assert keeper.lost


def test_a_keeper_waits_for_a_database_that_is_away(two, database):
    one, _ = two
    keeper = Keeper(one, begun(one))
    keeper.start()
    with psycopg.connect(database, autocommit=True) as session:
        session.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where application_name = 'openbourse lease' and datname = current_database()"
        )
        keeper.wish(B)
        until_round = keeper.rounds + 3
        while keeper.rounds < until_round:
            assert not keeper.lost
        # It has the lock again, in a new session.
        held = session.execute(
            "select count(*) from pg_locks where locktype = 'advisory' and granted"
            " and database = (select oid from pg_database where datname = current_database())"
        ).fetchone()
    assert held == (1,)
    assert keeper.possible == {B}
    assert not keeper.lost
    keeper.end()
    assert not keeper.is_alive()


def test_a_database_that_cannot_be_reached_is_away():
    with pytest.raises(Away):
        Lease("host=127.0.0.1 port=1 user=nobody").standing()


def test_a_copy_keeps_its_id_and_a_new_one_has_another(tmp_path):
    mine = copy_id(tmp_path / "journal")
    assert copy_id(tmp_path / "journal") == mine != copy_id(tmp_path / "other")


def test_a_database_that_stands_still_is_away_and_not_waited_for(two, database):
    one, _ = two
    begun(one)
    with psycopg.connect(database, autocommit=True) as session:
        stopped = one.standing().backend
        os.kill(stopped, signal.SIGSTOP)
        try:
            asked = time.monotonic()
            with pytest.raises(Away):
                one.keep(1)
            assert time.monotonic() - asked < 2 * lease.ANSWER_S
            # Nobody else has been given it meanwhile, and a new session has it again in time.
            assert one.standing().holder == A
        finally:
            os.kill(stopped, signal.SIGCONT)
        assert session.execute("select 1").fetchone() == (1,)
    assert one.keep(1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_keeper_that_cannot_look_any_more_has_lost_the_lease(two):
    one, _ = two
    keeper = Keeper(one, begun(one))
    keeper.turn = lambda: 1 // 0
    keeper.start()
    keeper.join(10)
    assert keeper.lost
