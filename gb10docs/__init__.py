"""Run the snippets of a page in page order and keep the evidence."""

__version__ = "0.1.0"
