"""Both exchanges as one: whoever asks is answered by both, alike, and may have their books audited."""

from matcher.core.invariants import check
from matcher.core.state import Capacities
from protocol.layout import Rows
from tests.audit import faults
from tests.comparison import first_difference
from tests.desk import apply_all
from tests.engines import core, reference


class TwoEngines:
    """An `Engine` that asks the reference and the compiled core."""

    def __init__(self, capacities: Capacities) -> None:
        self.slow, self.fast = reference(capacities), core(capacities)

    def apply(self, commands: Rows) -> tuple[Rows, int]:
        """Return what both say.

        Raises: AssertionError that shows the first difference.
        """
        expected, found = apply_all(self.slow, commands), apply_all(self.fast, commands)
        difference = first_difference(expected, found)
        assert not difference, difference
        return expected, len(commands)

    def faults(self) -> list[str]:
        """Return what is wrong with the money, the books and the indexes of either; nothing: all is well."""
        return faults(self.slow.venue) + check(self.fast)
