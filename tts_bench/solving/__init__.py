"""One strategy on one problem: the model made ready, the time limit, and the record of what came of it."""
