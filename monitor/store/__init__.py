"""The SQLite file: one writer, short readers, exact integers.

database     open, lock, transactions, errors       schema, migrate   tables and how they come to be
ledger       append, roll back, cursor, reorgs      coverage          which blocks are stored, linked
rollups      hours and days, recomputed             gaps, events      what was not read, and why
frames, history   questions to the ledger           query             SQL of the user, read-only
maintenance  backup, checkpoint, audit              identity          which chain the file holds
"""
