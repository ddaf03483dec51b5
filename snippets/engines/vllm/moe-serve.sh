# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "memory:44GB", "disk:60GB", "network:registry-1.docker.io", "model:nvidia/Qwen3.6-35B-A3B-NVFP4"]
# optional = true
# timeout = "60m"
# ///
share=$(awk '/^MemTotal/ { printf "%.2f", 40e9 / ($2 * 1024) }' /proc/meminfo)
docker run --detach --name vllm-moe --gpus all --shm-size 16g --ulimit memlock=-1 --ulimit stack=67108864 \
  --cap-drop ALL --security-opt no-new-privileges --publish 127.0.0.1:8003:8000 -e HF_HUB_OFFLINE=1 \
  -v "$HOME/gb10/models/Qwen3.6-35B-A3B-NVFP4:/models/Qwen3.6-35B-A3B-NVFP4:ro" -v gb10-vllm-moe-cache:/root/.cache \
  --entrypoint vllm vllm/vllm-openai:v0.28.0 serve /models/Qwen3.6-35B-A3B-NVFP4 \
  --served-model-name Qwen3.6-35B-A3B-NVFP4 --host 0.0.0.0 --port 8000 \
  --gpu-memory-utilization "$share" --max-model-len 32768 --max-num-seqs 4 --max-num-batched-tokens 8192 \
  --kv-cache-dtype fp8 --attention-backend flashinfer --moe-backend marlin \
  --speculative-config '{"method": "mtp", "num_speculative_tokens": 3, "moe_backend": "triton"}' \
  --reasoning-parser qwen3
