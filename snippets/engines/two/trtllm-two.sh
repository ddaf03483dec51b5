# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "memory:100GB"]
# optional = true
# timeout = "60m"
# ///
docker exec --detach trtllm-multinode mpirun -x HF_TOKEN trtllm-llmapi-launch \
  trtllm-serve nvidia/Qwen3-235B-A22B-FP4 --tp_size 2 --backend pytorch \
  --max_num_tokens 32768 --max_batch_size 4 --host 127.0.0.1 --port 8355
