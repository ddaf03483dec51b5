"""What a run is told as: on the console, as JSON, as JUnit XML, to GitHub; the loop knows none of these."""
