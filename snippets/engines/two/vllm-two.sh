# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "memory:100GB"]
# optional = true
# ///
docker exec --detach ray-head vllm serve /models/Qwen3-235B-A22B-NVFP4 \
  --served-model-name Qwen3-235B-A22B-NVFP4 --host 127.0.0.1 --port 8000 \
  --tensor-parallel-size 2 --distributed-executor-backend ray \
  --gpu-memory-utilization 0.8 --max-model-len 8192 --max-num-seqs 4
