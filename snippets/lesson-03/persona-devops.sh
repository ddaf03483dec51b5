# /// script
# [tool.gb10docs]
# needs = ["server:vllm", "command:curl", "command:jq"]
# expect.chat = true
# ///
curl -fsS http://127.0.0.1:8002/v1/chat/completions \
  -H "Content-Type: application/json" \
  -d '{
    "model": "Qwen3-8B-NVFP4",
    "messages": [
      {"role": "system", "content": "You are a senior DevOps engineer. You explain with practical examples, you prefer Docker and Kubernetes, and you answer in at most 80 words."},
      {"role": "user", "content": "How should I deploy a Python web application?"}
    ],
    "max_tokens": 140,
    "temperature": 0.7,
    "top_p": 0.8,
    "top_k": 20,
    "chat_template_kwargs": {"enable_thinking": false}
  }' | jq -er '
      (.choices[0].message.content // error("the answer holds no text")),
      "finish_reason: \(.choices[0].finish_reason)",
      "usage: prompt_tokens=\(.usage.prompt_tokens) completion_tokens=\(.usage.completion_tokens)"
    '
