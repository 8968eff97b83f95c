"""The writer: events become rows in PostgreSQL, exactly once."""
