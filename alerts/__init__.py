"""Rules, incidents, messages and their delivery. Knows nothing of Ethereum."""
