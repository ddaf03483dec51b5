# /// script
# requires-python = ">=3.11"
# dependencies = ["accelerate", "nvidia-modelopt==0.47.0", "transformers>=4.57,<5.24"]
#
# [tool.gb10docs]
# needs = ["package:nvidia-modelopt", "package:transformers", "package:accelerate", "model:Qwen/Qwen3-14B"]
# makes = ["model:Qwen3-14B-NVFP4"]
# timeout = "3h"
# expect.matches = ['from \d+\.\d+ to \d+\.\d+ GB']
# ///
import os
from pathlib import Path

import modelopt.torch.quantization as mtq
import torch
from modelopt.torch.export import export_hf_checkpoint
from transformers import AutoModelForCausalLM, AutoTokenizer

models = Path.home() / "gb10/models"
source = Path(os.environ.get("SOURCE", models / "Qwen3-14B"))
target = Path(os.environ.get("TARGET", models / "Qwen3-14B-NVFP4"))
recipe = os.environ.get("RECIPE", "NVFP4_DEFAULT_CFG")
text = Path("snippets/lesson-03/calibration.txt").read_text()

device = "cuda" if torch.cuda.is_available() else "cpu"
tokenizer = AutoTokenizer.from_pretrained(source)
model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16, device_map=device)
sample = tokenizer(text, return_tensors="pt").to(device)

with torch.inference_mode():
    mtq.quantize(model, getattr(mtq, recipe), lambda model: model(**sample))
export_hf_checkpoint(model, export_dir=target)
tokenizer.save_pretrained(target)

before, after = (sum(f.stat().st_size for f in path.glob("*.safetensors")) for path in (source, target))
print(f"{recipe}: from {before / 1e9:.3f} to {after / 1e9:.3f} GB")
