#!/usr/bin/env bash
# On a machine with an NVIDIA GPU, Python 3.12, PyTorch 2.11 and no network: pages with steps, on real vLLM.
# What it lacks arrives in parts, a call each, in .gpu/NN/: vLLM and our own packages (part*, a split .tar.xz of a site
# folder), the stand-in model (gguf*, split), and .deb and .whl files. Ledgers and reports are left in $OUT.
#
#   tests/gpu/device.sh receive      keep the parts that came with this call
#   tests/gpu/device.sh run PAGE …   unpack, make the checkpoints, run the pages, record them
set -euo pipefail
cd "$(dirname "$0")/../.."
parts=/tmp/gb10docs/parts site=/tmp/gb10docs/site hub=/tmp/gb10docs/hub

unpack() {
  mkdir -p "$site" "$HOME/.cache/gb10docs/models"
  cat "$parts"/part* | xz -d -T0 | tar -x -C "$site"
  cat "$parts"/gguf* >"$HOME/.cache/gb10docs/models/SmolLM2-135M-Instruct.Q4_1.gguf"
  for file in "$parts"/*.deb; do dpkg -x "$file" /; done
  ldconfig
  python3 -c 'held = b"1" * (48 << 30)' # some machines show their memory only once it has been used
}

prepare() {
  unpack
  python3 -c 'from pathlib import Path; from gb10docs.standins import home; home.seed(Path.home(), user_home=Path.home())'
  CUDA_VISIBLE_DEVICES="" python3 -m gb10docs.standins.folder "$hub" # as it is made elsewhere, on the processor
  python3 -m gb10docs inspect "$hub/nvidia/Qwen3-8B-NVFP4" --expect w4a16_nvfp4
  touch "$parts/ready"
}

export PYTHONPATH="$site:$PWD" VLLM_USE_FLASHINFER_SAMPLER=0 VLLM_NO_USAGE_STATS=1 GB10DOCS_HUB="$hub"
export PIP_NO_INDEX=1 PIP_FIND_LINKS="$parts" PIP_DISABLE_PIP_VERSION_CHECK=1
case ${1:?receive or run} in
  receive)
    mkdir -p "$parts"
    cp .gpu/*/* "$parts"/
    ls -l "$parts"
    ;;
  run)
    shift
    [ -e "$parts/ready" ] || prepare
    for page in "$@"; do
      python3 -m gb10docs run "$page" --target nvidia --keep-going --record --recorded-by "the gb10docs authors" \
        --json "$OUT/$page.json" | tee "$OUT/$page.txt" || true
    done
    for ledger in docs/evidence/*/*/nvidia.json; do cp "$ledger" "$OUT/$(basename "$(dirname "$ledger")").nvidia.json"; done
    ;;
esac
