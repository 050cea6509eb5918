"""Built-in strategies: one file each, registered as entry points like anyone else's."""
