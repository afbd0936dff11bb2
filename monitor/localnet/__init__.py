"""A local chain with real software: the demo and the tests share it."""
