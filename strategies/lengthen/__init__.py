"""Make one trace longer."""
