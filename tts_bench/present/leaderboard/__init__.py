"""The leaderboard: entries made from finished runs, pages made from entries, and a check that recomputes both."""
