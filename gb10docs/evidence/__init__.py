"""Ledgers: what was recorded where and when, and whether it still speaks of today's tree."""
