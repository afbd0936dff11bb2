"""Tables and charts for people: the only floats and the only pandas."""
