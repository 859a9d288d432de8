"""The database destination: rows of a table, inserted or updated."""
