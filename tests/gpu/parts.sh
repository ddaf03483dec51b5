#!/usr/bin/env bash
# Lays out what tests/gpu/device.sh receives, each part small enough to travel with one call: .gpu/00/, .gpu/01/, …
#   tests/gpu/parts.sh SITE_PARTS GGUF     the split .tar.xz of a site folder, in SITE_PARTS/part*; the stand-in model
set -euo pipefail
cd "$(dirname "$0")/../.."
from=${1:?a folder with part*} gguf=${2:?the GGUF file}
rm -rf .gpu
mkdir -p .gpu/parts
cp "$from"/part* .gpu/parts/
split -b 50000000 -d "$gguf" .gpu/parts/gguf
number=0
for part in .gpu/parts/*; do
  folder=$(printf '.gpu/%02d' "$number")
  mkdir "$folder"
  mv "$part" "$folder"/
  number=$((number + 1))
done
rmdir .gpu/parts
(cd .gpu/00 && apt-get -qq download jq libjq1 libonig5 tree && python3 -m pip download -q --no-deps huggingface_hub==1.33.0)
du -sh .gpu/*
