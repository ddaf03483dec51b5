"""Ledgers: what was recorded where and when, and whether it speaks of today's tree. It runs and draws nothing."""
