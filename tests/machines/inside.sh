#!/usr/bin/env bash
# inside.sh ROOT COMMAND: what machine.sh runs in namespaces of its own: mounts what any machine has, and becomes the reader.
set -euo pipefail

root=$1 command=$2
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
for number in 0:stdin 1:stdout 2:stderr; do
  ln -s "/proc/self/fd/${number%%:*}" "$root/dev/${number#*:}"
done

# Only what says how to reach the package index; FORCE_COLOR as a reader's shell or a CI may have it.
passed=(FORCE_COLOR=1 PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt)
for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_DEFAULT_TIMEOUT http_proxy https_proxy no_proxy; do
  [[ ! ${!name:-} ]] || passed+=("$name=${!name}")
done
chroot "$root" runuser -u reader -- env -i HOME=/home/reader USER=reader LOGNAME=reader SHELL=/bin/bash \
  PATH=/usr/local/bin:/usr/bin:/bin TERM=xterm-256color OUT=/home/reader/out "${passed[@]}" \
  bash -euo pipefail -c "cd ~/'a course/gb10docs' && $command"
