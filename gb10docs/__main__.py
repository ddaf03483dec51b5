"""`python -m gb10docs`."""

from gb10docs.cli import main

main()
