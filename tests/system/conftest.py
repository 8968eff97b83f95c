"""What system tests share: a real PostgreSQL, a whole running exchange, and who trades there."""

from tests.postgres_fixture import database, postgres
from tests.system.exchange_fixture import venue
from tests.system.order_flow_fixture import flow

__all__ = ["database", "flow", "postgres", "venue"]
