# /// script
# requires-python = ">=3.11"
# dependencies = []
#
# [tool.gb10docs]
# needs = ["model:Qwen3-14B-NVFP4"]
# expect.contains = ["quant_algo: NVFP4", "group_size: 16", "complete"]
# ///
import json
import struct
import sys
from pathlib import Path

LINEARS = 40 * 7  # Qwen3-14B: 40 layers of q, k, v, o, gate, up and down
folder = Path.home() / "gb10/models/Qwen3-14B-NVFP4"
quantization = json.loads((folder / "hf_quant_config.json").read_text())["quantization"]
excluded = quantization["exclude_modules"]

tensors = {}
shards = sorted(folder.glob("*.safetensors"))
for shard in shards:
    with shard.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    end = 8 + length + max(tensor["data_offsets"][1] for tensor in header.values())
    if shard.stat().st_size != end:
        sys.exit(f"{shard.name}: {shard.stat().st_size} bytes, but its header announces {end}")
    tensors |= header

index = folder / "model.safetensors.index.json"
announced = set(json.loads(index.read_text())["weight_map"]) if index.exists() else set(tensors)
packed = [name for name, tensor in tensors.items() if tensor["dtype"] == "U8" and name.endswith(".weight")]
missing = sorted(announced - set(tensors))
missing += [f"{name}_scale" for name in packed if f"{name}_scale" not in tensors]
missing += [f"{name}_scale_2" for name in packed if f"{name}_scale_2" not in tensors]
missing += [name for name in ("config.json", "tokenizer_config.json") if not (folder / name).exists()]

print(f"quant_algo: {quantization['quant_algo']}")
print(f"kv_cache_quant_algo: {quantization['kv_cache_quant_algo']}")
print(f"group_size: {quantization['group_size']}")
print(f"left in 16 bit: {', '.join(excluded)}")
print(f"4-bit layers: {len(packed)} of {LINEARS}")
print(f"shards: {len(shards)}, {sum(shard.stat().st_size for shard in shards) / 1e9:.2f} GB")
if quantization["quant_algo"] != "NVFP4" or quantization["group_size"] != 16:
    sys.exit("this is not an NVFP4 checkpoint with blocks of 16")
if not any(name.startswith("lm_head") for name in excluded):
    sys.exit("lm_head was quantized; the recipe leaves it in 16 bit")
if missing or len(packed) != LINEARS:
    sys.exit(
        f"incomplete: {len(packed)} of {LINEARS} layers; missing: {', '.join(missing[:5]) or 'whole layers'}"
    )
print("complete")
