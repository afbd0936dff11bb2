"""How fast, how small, against whom: `make bench` prints ratios measured in one run. See `docs/performance.md`."""
