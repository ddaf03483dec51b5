# /// script
# [tool.gb10docs]
# needs = ["gpu", "command:nvidia-smi"]
# expect.real.contains = ["GB10"]
# ///
nvidia-smi --query-gpu=name,compute_cap,driver_version --format=csv
