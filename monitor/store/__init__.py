"""The SQLite file: schema, writers, queries."""
