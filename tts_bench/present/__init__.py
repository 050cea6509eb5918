"""What people see: pictures, tables and progress in a terminal, the report and the leaderboard as pages."""
