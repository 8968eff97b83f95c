"""What two matchers say to each other on the replicas wire: a head of 64 bytes, then perhaps a body.

    the one who stands by                        the one in charge
    ASK       "I stand here, go on"   ────────▶
              ◀────────  BEAT         "journaled is up to there", with every batch, and while idle
    RECEIPT   "I have all before"     ────────▶
    LEAVE     "I was told to stop"    ────────▶

and to one on another host, which keeps a copy of its own:

              ◀────────  WELCOME      which journal this is; the body: under which capacities
              ◀────────  BATCHES      the body: batches from there on, as they stand in the file
              ◀────────  DIVERGED     "what you have is not how this journal begins"
              ◀────────  REFUSED      the body: why there is nothing to send

and with an edge, a host that keeps a copy, too, and takes orders (`matcher/gate.py`, `matcher/edge.py`):

    COMMANDS  the body: a frame of the orders wire        ────────▶
              ◀────────  SHUT         as BEAT, while no orders are taken

Their BEAT also says which life of the matcher it is of.

Nobody answers COMMANDS: what they led to stands in the journal, and comes with it. WELCOME tells the edge
its number, which says whose answers are whose (`runtime/endpoints.py: to_edge`).

A place in a journal is the number of the next command and the chained digest of all before it. Frames
that are lost are noticed by the numbers, and asked for again.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from protocol.records import FORMAT_VERSION

_HEAD = struct.Struct("<4sHHQQqQQQ8x")
_MAGIC = b"OBRP"
HEAD_SIZE = _HEAD.size


class Word(IntEnum):
    """What a frame says."""

    ASK = 1
    RECEIPT = 2
    BEAT = 3
    LEAVE = 4
    WELCOME = 5
    BATCHES = 6
    DIVERGED = 7
    REFUSED = 8
    COMMANDS = 9
    SHUT = 10


class WrongReplicaFrame(ValueError):
    """Bytes that are no frame of this wire, or of another version."""


@dataclass(frozen=True)
class Frame:
    """One frame; `next_seq` and `chain` are a place in the journal with id `journal_id`."""

    word: Word
    next_seq: int
    chain: int = 0
    journal_id: int = 0
    epoch: int = 0
    """Under which lease the sender is in charge; of BATCHES: under which their segment was written; of ASK: the
    number that this edge had."""
    copy_id: int = 0
    """Which copy of the journal the one who stands by keeps; 0: it reads the same files. In a BEAT: whose
    place is still being looked for. In the WELCOME of an edge: its number."""
    body: bytes = b""
    life: int = 0
    """In a BEAT to an edge: the matcher that takes the orders, another number for each; 0: it is not said."""

    def pack(self) -> bytes:
        """Return the bytes."""
        head = _HEAD.pack(
            _MAGIC,
            FORMAT_VERSION,
            self.word,
            self.epoch,
            self.journal_id,
            self.next_seq,
            self.chain,
            self.copy_id,
            self.life,
        )
        return head + self.body


def unpack(content: bytes) -> Frame:
    """Read a frame.

    Raises: WrongReplicaFrame.
    """
    if len(content) < HEAD_SIZE:
        raise WrongReplicaFrame(f"a frame of {len(content)} bytes has no head")
    magic, version, word, epoch, journal_id, next_seq, chain, copy_id, life = _HEAD.unpack_from(
        content
    )
    if magic != _MAGIC or version != FORMAT_VERSION:
        raise WrongReplicaFrame("not a frame of this wire and version")
    try:
        known = Word(word)
    except ValueError as error:
        raise WrongReplicaFrame(f"nobody says {word}") from error
    return Frame(known, next_seq, chain, journal_id, epoch, copy_id, content[HEAD_SIZE:], life)
