"""This computer: hardware, ports, processes, folders, Python environments. It knows no page and no engine."""
