# /// script
# [tool.gb10docs]
# needs = ["server:trtllm", "model:nvidia/Qwen3-8B-NVFP4", "command:aiperf"]
# timeout = "15m"
# ///
aiperf profile \
  --url http://127.0.0.1:8001 --endpoint-type chat --streaming \
  --model Qwen3-8B-NVFP4 --tokenizer "$HOME/gb10/models/Qwen3-8B-NVFP4" --use-server-token-count \
  --concurrency 4 --request-count 16 --warmup-request-count 4 \
  --isl 128 --osl 128 --random-seed 7 \
  --extra-inputs '{"ignore_eos": true, "chat_template_kwargs": {"enable_thinking": false}}' \
  --artifact-dir "$HOME/gb10/aiperf/trtllm" --ui none
