"""The targets of `make fuzz-bytes`: they bear right bytes and damaged ones, and tell what escapes."""

from random import Random

import pytest

from tests import byte_targets
from tests.byte_targets import SAMPLES, TARGETS

CASES = [(name, sample) for name in TARGETS for sample in SAMPLES[name]]


@pytest.mark.parametrize(("name", "sample"), CASES)
def test_right_bytes_and_damaged_ones_are_borne(name: str, sample: bytes) -> None:
    rng = Random(name)
    TARGETS[name](sample)
    TARGETS[name](b"")
    for _ in range(40):
        damaged = bytearray(sample)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        TARGETS[name](bytes(damaged[: rng.randint(1, len(damaged))]))


def test_what_escapes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(query: bytes, body: bytes) -> object:
        return {}[query]

    monkeypatch.setattr(byte_targets, "read_form", careless)
    with pytest.raises(KeyError):
        TARGETS["a_request"](SAMPLES["a_request"][0])


def test_every_target_has_samples() -> None:
    assert set(SAMPLES) == set(TARGETS)
    assert all(SAMPLES.values())
