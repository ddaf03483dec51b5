# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "network:nvcr.io", "disk:10GB"]
# timeout = "30m"
# expect.contains = ["GPU 0:"]
# ///
docker run --rm --gpus all nvcr.io/nvidia/cuda:13.0.1-devel-ubuntu24.04 nvidia-smi -L
