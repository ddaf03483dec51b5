#!/usr/bin/env bash
# On a machine with an NVIDIA GPU, Python 3.12, PyTorch 2.11 and no network: lesson 3 on real vLLM, and decode speeds.
# What it lacks arrives in parts, a call each, in .gpu/NN/: vLLM and our own packages (part*, a split .tar.xz of a site
# folder), the stand-in model (gguf*, split), and .deb and .whl files. Results are left in $OUT.
#
#   tests/gpu/device.sh receive     keep the parts that came with this call
#   tests/gpu/device.sh lesson      unpack, make the checkpoints, run lesson 3, record it
#   tests/gpu/device.sh speed FORMAT …
set -euo pipefail
cd "$(dirname "$0")/../.."
parts=/tmp/gb10docs/parts site=/tmp/gb10docs/site hub=/tmp/gb10docs/hub

unpack() {
  [ -d "$site" ] && return
  mkdir -p "$site" "$HOME/.cache/gb10docs/models"
  cat "$parts"/part* | xz -d -T0 | tar -x -C "$site"
  cat "$parts"/gguf* >"$HOME/.cache/gb10docs/models/SmolLM2-135M-Instruct.Q4_1.gguf"
  for file in "$parts"/*.deb; do dpkg -x "$file" /; done
  ldconfig
}

export PYTHONPATH="$site:$PWD" VLLM_USE_FLASHINFER_SAMPLER=0 VLLM_NO_USAGE_STATS=1 HF_HUB_OFFLINE=1
export PIP_NO_INDEX=1 PIP_FIND_LINKS="$parts" PIP_DISABLE_PIP_VERSION_CHECK=1
case ${1:?receive, lesson or speed} in
  receive)
    mkdir -p "$parts"
    cp .gpu/*/* "$parts"/
    ls -l "$parts"
    ;;
  lesson)
    unpack
    python3 -c 'from pathlib import Path; from gb10docs.standins import home; home.seed(Path.home(), user_home=Path.home())'
    [ -d "$hub" ] || python3 -m gb10docs.standins.folder "$hub"
    python3 -m gb10docs inspect "$hub/nvidia/Qwen3-8B-NVFP4" --expect w4a16_nvfp4 | tee "$OUT/inspect.txt"
    export GB10DOCS_HUB="$hub" HF_HUB_OFFLINE=0
    python3 -m gb10docs run lesson-03 --target nvidia --keep-going --record --recorded-by "the gb10docs authors" \
      --json "$OUT/report.json" | tee "$OUT/lesson.txt" || true
    cp docs/evidence/lessons/lesson-03/nvidia.json "$OUT"/
    ;;
  speed)
    unpack
    shift
    python3 tests/gpu/decode_speed.py "$OUT/decode-speed.json" "$@"
    ;;
esac
