"""What system tests share: a real PostgreSQL."""

from tests.postgres_fixture import database, postgres

__all__ = ["database", "postgres"]
