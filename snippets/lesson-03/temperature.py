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
for temperature in (0.0, 0.7, 1.2):
    reply = client.chat.completions.create(
        model="Qwen3-8B-NVFP4",
        messages=[{"role": "user", "content": "Write a two-sentence story about a robot learning to paint."}],
        max_tokens=70,
        temperature=temperature,
        top_p=1.0,
        extra_body={"top_k": 0, "chat_template_kwargs": {"enable_thinking": False}},
    )
    choice, usage = reply.choices[0], reply.usage
    print(f"--- temperature={temperature}")
    print(choice.message.content)
    print(f"finish_reason: {choice.finish_reason}")
    print(f"usage: prompt_tokens={usage.prompt_tokens} completion_tokens={usage.completion_tokens}")
