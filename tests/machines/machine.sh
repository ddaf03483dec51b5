#!/usr/bin/env bash
# machine.sh SUITE ARCH COMMAND...: a bare Debian (or Ubuntu: noble) made by debootstrap, with what the README names installed in it and
# this commit cloned into a path with a space; there each COMMAND is run and timed, by a user who is not root.
# What a command leaves in $OUT is copied to the folder that OUT names here. Needs root and debootstrap, and for arm64
# on another machine qemu-user-static and binfmt-support.
set -euo pipefail

suite=$1 arch=$2
[[ ${UNSHARED:-} ]] || UNSHARED=1 exec unshare --mount --pid --ipc --uts --fork --kill-child --mount-proc "$0" "$@"
shift 2
top=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d "/var/tmp/gb10docs-$suite-$arch.XXXXXX")
root=$work/root
trap 'umount --quiet --recursive "$root"/{proc,sys,dev}; rm -rf --one-file-system "$work"' EXIT
chmod 755 "$work"
components=main
[[ $suite != noble ]] || components=main,universe

began=$SECONDS
phase() {
  echo "== $suite $arch: $1: $((SECONDS - began)) s"
  began=$SECONDS
}

if [[ $arch == arm64 && $(uname -m) != aarch64 ]]; then
  # The kernel has to know the emulator; it forgets it at its next start.
  [[ -e /proc/sys/fs/binfmt_misc/register ]] || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  [[ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]] || update-binfmts --enable qemu-aarch64
fi

debootstrap --arch="$arch" --variant=minbase --components="$components" "$suite" "$root" >"$work/log" ||
  { tail -n 5 "$work/log" >&2; exit 1; }
phase debootstrap

hostname bare
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 bare\n' >"$root/etc/hosts"

read -ra packages < <(sed -n 's/^sudo apt-get install //p' "$top/README.md")
export DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes
chroot "$root" apt-get update -qq
chroot "$root" apt-get install -qq --no-install-recommends "${packages[@]}" >/dev/null
phase "apt-get install ${packages[*]}"

chroot "$root" useradd --create-home --shell /bin/bash reader
printf '[safe]\n\tdirectory = *\n' >"$work/gitconfig" # the tree is whose it is, and this is root
GIT_CONFIG_GLOBAL=$work/gitconfig git clone --quiet --depth 1 "file://$top" "$root/home/reader/a course/gb10docs"
mkdir -p "$root/home/reader/out" "$root/etc/ssl/certs"
chroot "$root" chown -R reader: /home/reader
cp --dereference /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" # a proxy before the index may have its own
phase clone

# Nothing of this environment but how to reach the package index; FORCE_COLOR as a reader's shell may have it.
environment=(HOME=/home/reader USER=reader LOGNAME=reader SHELL=/bin/bash PATH=/usr/local/bin:/usr/bin:/bin
  TERM=xterm-256color FORCE_COLOR=1 OUT=/home/reader/out
  PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt)
for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_DEFAULT_TIMEOUT http_proxy https_proxy no_proxy; do
  [[ ! ${!name:-} ]] || environment+=("$name=${!name}")
done

failed=0
for command in "$@"; do
  status=0
  chroot "$root" runuser -u reader -- env -i "${environment[@]}" \
    bash -euo pipefail -c "cd ~/'a course/gb10docs' && $command" || status=$?
  phase "$command: exit status $status"
  ((status == 0)) || failed=1
done
[[ ! ${OUT:-} ]] || cp -r "$root/home/reader/out/." "$OUT"
exit "$failed"
