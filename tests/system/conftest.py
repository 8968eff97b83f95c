"""What system tests share: a real PostgreSQL, and a whole running exchange."""

from tests.postgres_fixture import database, postgres
from tests.system.exchange_fixture import venue

__all__ = ["database", "postgres", "venue"]
