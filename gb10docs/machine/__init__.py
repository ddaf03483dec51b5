"""This computer: hardware, ports, processes and Python environments. It knows no page and no engine."""
