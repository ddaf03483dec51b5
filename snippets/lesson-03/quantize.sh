# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "memory:48GB", "disk:60GB", "network:nvcr.io", "model:Qwen/Qwen3-14B"]
# makes = ["model:Qwen3-14B-NVFP4"]
# timeout = "3h"
# expect.matches = ['from \d+\.\d+ to \d+\.\d+ GB']
# ///
docker run --rm --gpus all --ipc=host --ulimit memlock=-1 --ulimit stack=67108864 \
  -v "$HOME/gb10/models:/root/gb10/models" \
  -v "$PWD/snippets:/course/snippets:ro" -w /course \
  -v gb10-quantize-cache:/root/.cache \
  -e OWNER="$(id -u):$(id -g)" \
  nvcr.io/nvidia/tensorrt-llm/release:1.3.0rc13 \
  bash -euc '
    export PIP_CONSTRAINT=
    pip install nvidia-modelopt==0.47.0 accelerate "transformers==4.57.*"
    trap "chown -R $OWNER /root/gb10/models/Qwen3-14B-NVFP4" EXIT
    python snippets/lesson-03/quantize.py
  '
