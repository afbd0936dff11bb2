"""One client per file, each run as `python -m bench.clients.NAME` in a process and environment of its own."""
