# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "network:nvcr.io"]
# optional = true
# timeout = "60m"
# ///
link="${LINK:-enp1s0f1np1}"
own=$(ip -4 -o addr show "$link" | awk '{ sub("/.*", "", $4); print $4 }')
docker run --detach --name ray-head --gpus all --network host --ipc host \
  --ulimit memlock=-1 --ulimit stack=67108864 --device /dev/infiniband \
  -e VLLM_HOST_IP="$own" -e RAY_memory_monitor_refresh_ms=0 \
  -e NCCL_SOCKET_IFNAME="$link" -e GLOO_SOCKET_IFNAME="$link" -e TP_SOCKET_IFNAME="$link" -e UCX_NET_DEVICES="$link" \
  -v "$HOME/gb10/models:/models:ro" \
  nvcr.io/nvidia/vllm:26.05-py3 \
  bash -c "pip install -q --root-user-action=ignore 'ray[default]>=2.9' && ray start --head --node-ip-address $own --port 6379 --block"
