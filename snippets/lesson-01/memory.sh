# /// script
# [tool.gb10docs]
# expect.matches = ["MemAvailable: +[0-9.]+ GB"]
# ///
awk '/^(MemTotal|MemAvailable):/ { printf "%-13s %6.1f GB\n", $1, $2 * 1024 / 1e9 }' /proc/meminfo
