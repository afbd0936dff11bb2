"""All node I/O. Every read is pinned to one block hash."""
