#!/usr/bin/env bash
# machine.sh SUITE ARCH COMMAND...: a bare Debian made by debootstrap, with what the README names installed in it and
# this commit cloned into a path with a space; there each COMMAND is run and timed, by a user who is not root.
# What a command leaves in $OUT is copied to the folder that OUT names here. Needs root and debootstrap, and for arm64
# on another machine qemu-user-static and binfmt-support.
set -euo pipefail

suite=$1 arch=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
top=$(git -C "$here" rev-parse --show-toplevel)
root=$(mktemp -d "/var/tmp/gb10docs-$suite-$arch.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
chmod 755 "$root"

began=$SECONDS
phase() {
  echo "== $suite $arch: $1: $((SECONDS - began)) s"
  began=$SECONDS
}

if [[ $arch == arm64 && $(uname -m) != aarch64 ]]; then
  # The kernel has to know the emulator; it forgets it at the next start.
  mountpoint -q /proc/sys/fs/binfmt_misc || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  [[ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]] || update-binfmts --enable qemu-aarch64
fi

debootstrap --arch="$arch" --variant=minbase "$suite" "$root" http://deb.debian.org/debian >"$root/log" ||
  { tail -n 5 "$root/log" >&2; exit 1; }
phase debootstrap

read -ra packages < <(sed -n 's/^sudo apt-get install //p' "$top/README.md")
cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 bare\n' >"$root/etc/hosts"
chroot "$root" apt-get update -qq
DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -qq --no-install-recommends "${packages[@]}" >"$root/log"
phase "apt-get install ${packages[*]}"

chroot "$root" useradd --create-home --shell /bin/bash reader
git clone --quiet --depth 1 "file://$top" "$root/home/reader/a course/gb10docs"
mkdir -p "$root/home/reader/out" "$root/etc/ssl/certs"
chroot "$root" chown -R reader: /home/reader
cp --dereference /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" # a proxy before the index may have its own
phase clone

failed=0
for command in "$@"; do
  status=0
  unshare --mount --pid --ipc --uts --fork --kill-child "$here/inside.sh" "$root" "$command" || status=$?
  phase "$command: exit status $status"
  ((status == 0)) || failed=1
done
[[ ! ${OUT:-} ]] || cp -r "$root/home/reader/out/." "$OUT"
exit "$failed"
