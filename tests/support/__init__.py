"""Servers, chains and fakes that tests and benchmarks share."""
