# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "memory:64GB", "disk:60GB", "network:github.com", "network:huggingface.co", "model:Qwen/Qwen3-14B"]
# makes = ["model:Qwen3-14B-NVFP4"]
# timeout = "3h"
# ///
docker run --rm --gpus all --ipc=host --ulimit memlock=-1 --ulimit stack=67108864 \
  -v "$HOME/gb10/models:/models" \
  -v gb10-quantize-cache:/root/.cache \
  -e OWNER="$(id -u):$(id -g)" \
  nvcr.io/nvidia/tensorrt-llm/release:1.3.0rc13 \
  bash -euc '
    git clone --depth 1 --branch 0.45.0 https://github.com/NVIDIA/Model-Optimizer.git /opt/Model-Optimizer
    cd /opt/Model-Optimizer
    pip install -e ".[hf]"
    cd examples/llm_ptq
    trap "chown -R $OWNER /models/Qwen3-14B-NVFP4" EXIT
    python hf_ptq.py \
      --pyt_ckpt_path /models/Qwen3-14B \
      --recipe general/ptq/nvfp4_default-kv_fp8_cast \
      --dataset cnn_dailymail --calib_size 512 --batch_size 8 \
      --export_path /models/Qwen3-14B-NVFP4
  '
