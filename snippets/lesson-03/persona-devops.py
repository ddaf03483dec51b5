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
reply = client.chat.completions.create(
    model="Qwen3-8B-NVFP4",
    messages=[
        {
            "role": "system",
            "content": (
                "You are a senior DevOps engineer. You explain with practical examples, you prefer "
                "Docker and Kubernetes, and you answer in at most 80 words."
            ),
        },
        {"role": "user", "content": "How should I deploy a Python web application?"},
    ],
    max_tokens=140,
    temperature=0.7,
    top_p=0.8,
    extra_body={"top_k": 20, "chat_template_kwargs": {"enable_thinking": False}},
)
choice, usage = reply.choices[0], reply.usage
print(choice.message.content)
print(f"finish_reason: {choice.finish_reason}")
print(f"usage: prompt_tokens={usage.prompt_tokens} completion_tokens={usage.completion_tokens}")
