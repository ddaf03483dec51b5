# /// script
# requires-python = ">=3.11"
# dependencies = ["openai"]
#
# [tool.gb10docs]
# needs = ["server:vllm"]
# expect.chat = true
# ///
from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8002/v1", api_key="none")
for top_p in (0.1, 0.9):
    reply = client.chat.completions.create(
        model="Qwen3-8B-NVFP4",
        messages=[{"role": "user", "content": "Explain quantum computing in two simple sentences."}],
        max_tokens=80,
        temperature=0.7,
        top_p=top_p,
        extra_body={"top_k": 0, "chat_template_kwargs": {"enable_thinking": False}},
    )
    choice, usage = reply.choices[0], reply.usage
    print(f"--- top_p={top_p}")
    print(choice.message.content)
    print(f"finish_reason: {choice.finish_reason}")
    print(f"usage: prompt_tokens={usage.prompt_tokens} completion_tokens={usage.completion_tokens}")
