"""Running a plan: sessions, scripts, servers and the loop. It writes no ledger and no report."""
