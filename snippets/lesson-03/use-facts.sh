# /// script
# [tool.gb10docs]
# needs = ["server:vllm", "command:curl", "command:jq"]
# expect.chat = true
# expect.real.contains = ["Paris"]
# ///
curl -fsS http://127.0.0.1:8002/v1/chat/completions \
  -H "Content-Type: application/json" \
  -d '{
    "model": "Qwen3-8B-NVFP4",
    "messages": [
      {"role": "user", "content": "What is the capital of France, and about how many people live there? One sentence."}
    ],
    "max_tokens": 60,
    "temperature": 0.2,
    "top_p": 0.5,
    "top_k": 20,
    "chat_template_kwargs": {"enable_thinking": false}
  }' | jq -er '
      (.choices[0].message.content // error("the answer holds no text")),
      "finish_reason: \(.choices[0].finish_reason)",
      "usage: prompt_tokens=\(.usage.prompt_tokens) completion_tokens=\(.usage.completion_tokens)"
    '
