# /// script
# requires-python = ">=3.11"
# dependencies = ["openai"]
#
# [tool.gb10docs]
# needs = ["server:vllm"]
# expect.chat = true
# expect.real.contains = ["def fibonacci"]
# ///
from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8002/v1", api_key="none")
reply = client.chat.completions.create(
    model="Qwen3-8B-NVFP4",
    messages=[
        {
            "role": "user",
            "content": "Write a recursive Python function fibonacci(n). Reply with the code only.",
        },
    ],
    max_tokens=150,
    temperature=0.0,
    top_p=0.8,
    extra_body={"top_k": 20, "chat_template_kwargs": {"enable_thinking": False}},
)
choice, usage = reply.choices[0], reply.usage
print(choice.message.content)
print(f"finish_reason: {choice.finish_reason}")
print(f"usage: prompt_tokens={usage.prompt_tokens} completion_tokens={usage.completion_tokens}")
