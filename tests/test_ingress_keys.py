"""The keys held in memory: looked up once, revoked at once (`ingress/auth.py: KeyRing`)."""

import asyncio

from ingress.auth import Key, KeyRing, KeyRow, key_of
from tests.rest_house import SECRET

CAROL = key_of(KeyRow("carol", 3, SECRET, "HMAC", ("TRADE",), ()))


class Books:
    """A table of keys, and a clock."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {}
        self.looked_up: list[str] = []
        self.now_ns = 0
        self.ring = KeyRing(self.look_up, lambda: self.now_ns)
        self.meanwhile = lambda: None

    async def look_up(self, api_key: str) -> Key | None:
        found = self.keys.get(api_key)
        self.looked_up.append(api_key)
        self.meanwhile()
        return found

    def find(self, api_key: str) -> Key | None:
        return asyncio.run(self.ring.find(api_key))


def test_a_key_is_looked_up_once():
    books = Books()
    books.keys["carol"] = CAROL
    assert books.find("carol") is CAROL
    assert books.find("carol") is CAROL
    assert books.ring.known("carol") is CAROL
    assert books.looked_up == ["carol"]


def test_a_stranger_is_looked_up_again_only_after_a_while():
    books = Books()
    assert books.find("carol") is None
    assert books.find("carol") is None
    assert books.looked_up == ["carol"]
    books.keys["carol"] = CAROL
    books.now_ns = 5_000_000_000
    assert books.find("carol") is CAROL


def test_a_stranger_whose_key_is_made_is_known_at_once():
    books = Books()
    assert books.find("carol") is None
    books.ring.put("carol", CAROL)
    assert books.find("carol") is CAROL


def test_a_revocation_that_comes_during_a_look_up_counts():
    books = Books()
    books.keys["carol"] = CAROL

    def revoke() -> None:
        books.meanwhile = lambda: None
        del books.keys["carol"]
        books.ring.put("carol", None)

    books.meanwhile = revoke
    assert books.find("carol") is None
    assert books.ring.known("carol") is None


def test_all_keys_are_replaced_by_those_that_were_read():
    books = Books()
    books.ring.put("old", CAROL)
    books.ring.replace({"carol": CAROL})
    assert books.ring.known("old") is None
    assert books.ring.known("carol") is CAROL


def test_the_number_of_strangers_remembered_is_bounded():
    books = Books()

    async def try_many() -> None:
        for number in range(10_050):
            await books.ring.find(f"guess {number}")

    asyncio.run(try_many())
    assert len(books.ring._strangers) <= 10_000
