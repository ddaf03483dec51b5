# /// script
# [tool.gb10docs]
# needs = ["server:llamacpp", "command:curl", "command:jq"]
# expect.chat = true
# expect.real.contains = ["204"]
# ///
curl -fsS http://127.0.0.1:8080/v1/chat/completions \
  -H "Content-Type: application/json" \
  -d '{
    "model": "Qwen3-8B-Q4_K_M",
    "messages": [
      {"role": "user", "content": "In two sentences, what is artificial intelligence? Then, on a line of its own, the result of 12*17."}
    ],
    "max_tokens": 100,
    "temperature": 0.7,
    "top_p": 0.8,
    "top_k": 20,
    "min_p": 0.0,
    "chat_template_kwargs": {"enable_thinking": false}
  }' | jq -er '
      (.choices[0].message.content // error("the answer holds no text")),
      "finish_reason: \(.choices[0].finish_reason)",
      "usage: prompt_tokens=\(.usage.prompt_tokens) completion_tokens=\(.usage.completion_tokens)"
    '
