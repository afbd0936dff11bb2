"""What is read after the fact and stored as history: blocks, gaps, samples, deposits, rewards, supplies, closes."""
