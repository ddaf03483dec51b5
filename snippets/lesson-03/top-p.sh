# /// script
# [tool.gb10docs]
# needs = ["server:vllm", "command:curl", "command:jq"]
# expect.chat = true
# ///
for top_p in 0.1 0.9; do
  echo "--- top_p=$top_p"
  jq -n --argjson top_p "$top_p" '{
    model: "Qwen3-8B-NVFP4",
    messages: [{role: "user", content: "Explain quantum computing in two simple sentences."}],
    max_tokens: 80,
    temperature: 0.7,
    top_p: $top_p,
    top_k: 0,
    chat_template_kwargs: {enable_thinking: false}
  }' | curl -fsS http://127.0.0.1:8002/v1/chat/completions \
    -H "Content-Type: application/json" -d @- | jq -er '
      (.choices[0].message.content // error("the answer holds no text")),
      "finish_reason: \(.choices[0].finish_reason)",
      "usage: prompt_tokens=\(.usage.prompt_tokens) completion_tokens=\(.usage.completion_tokens)"
    '
done
