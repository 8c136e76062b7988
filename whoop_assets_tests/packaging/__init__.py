"""The project as others get it: its distributions and the files around them."""
