# /// script
# [tool.gb10docs]
# needs = ["server:vllm", "command:curl", "command:jq"]
# expect.chat = true
# ///
for temperature in 0.0 0.7 1.2; do
  echo "--- temperature=$temperature"
  jq -n --argjson temperature "$temperature" '{
    model: "Qwen3-8B-NVFP4",
    messages: [{role: "user", content: "Write a two-sentence story about a robot learning to paint."}],
    max_tokens: 70,
    temperature: $temperature,
    top_p: 1.0,
    top_k: 0,
    chat_template_kwargs: {enable_thinking: false}
  }' | curl -fsS http://127.0.0.1:8002/v1/chat/completions \
    -H "Content-Type: application/json" -d @- | jq -er '
      (.choices[0].message.content // error("the answer holds no text")),
      "finish_reason: \(.choices[0].finish_reason)",
      "usage: prompt_tokens=\(.usage.prompt_tokens) completion_tokens=\(.usage.completion_tokens)"
    '
done
