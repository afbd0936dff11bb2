"""The live status: everything that a person leaves open all day, read from the database alone."""
