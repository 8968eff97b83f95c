"""Bugs to plant in the matchers of two hosts, each of which the simulation must find."""

from dataclasses import dataclass

from matcher.follower import Follower
from matcher.replicas import Mode, Replicas
from runtime.lease import Standing
from tests.simulation.two_hosts_parts import SimLease


@dataclass
class Planted:
    """What is put in the place of the product's own code, to be found out."""

    replicas: type[Replicas] = Replicas
    lease: type[SimLease] = SimLease
    follower: type[Follower] = Follower


class GoesAlone(Replicas):
    """Goes alone without asking the lease."""

    def _go_alone(self) -> None:
        self.mode = Mode.ALONE


class TellsAtOnce(Replicas):
    """Tells without waiting for a receipt."""

    def _may_tell(self) -> bool:
        return True


class AnybodyMay(SimLease):
    """Lets a copy be in charge, whatever it has."""

    def may_have(self, row: Standing, copy: int) -> bool:
        """Whoever asks."""
        return True


GOES_ALONE = Planted(replicas=GoesAlone)
TELLS_AT_ONCE = Planted(replicas=TellsAtOnce)
ANYBODY_MAY = Planted(lease=AnybodyMay)
