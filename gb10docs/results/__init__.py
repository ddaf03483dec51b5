"""What a run is told as: console, JSON, JUnit XML, GitHub. It keeps nothing, and the loop knows none of these."""
