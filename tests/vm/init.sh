#!/bin/busybox sh
# shellcheck shell=dash
# Process 1 of the guest: the host's root read-only by 9p under an overlay in memory, so that every program of the host runs here
# and nothing of it changes; then commands from the host, one a line, as /run/share/shell takes them. On another machine than the
# host's, the root is the folders of the host that `guest_roots` names, and of the host's own only `guest_top` is seen.
b=/bin/busybox
$b mkdir -p /proc /sys /dev /host /changes /new
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
for module in virtio_pci virtio_net 9pnet_virtio 9p overlay; do $b modprobe $module || echo "guest: no $module"; done
nine=trans=virtio,version=9p2000.L,msize=512000
$b mount -t 9p -o $nine,cache=loose,ro host /host || echo "guest: no 9p root"
$b mount -t tmpfs changes /changes
$b mkdir -p /changes/upper /changes/work
$b mount -t overlay -o "lowerdir=${guest_roots:-/host},upperdir=/changes/upper,workdir=/changes/work" overlay /new || echo "guest: no overlay"
$b mkdir -p /new/proc /new/sys /new/dev /new/run /new/tmp /new/lib/modules
for folder in proc sys dev; do $b mount --move /$folder /new/$folder; done
$b mkdir -p /new/dev/pts /new/dev/shm
if [ -n "$guest_top" ]; then
  $b mkdir -p "/new$guest_top"
  $b mount --bind "/host$guest_top" "/new$guest_top"
  $b chroot /new /bin/busybox --install -s
fi
$b mount -t devpts devpts /new/dev/pts
$b mount -t tmpfs shm /new/dev/shm
$b mount -t tmpfs run /new/run
$b mkdir -p /new/run/share
$b mount -t 9p -o $nine share /new/run/share || echo "guest: no 9p share"
$b mount --bind /lib/modules /new/lib/modules
$b ip link set lo up
if $b ip link set eth0 up; then
  $b ip addr add 10.0.2.15/24 dev eth0
  $b ip route add default via 10.0.2.2
fi
# The kernel looks for firmware in the root of process 1.
echo -n /new/run/share > /new/sys/module/firmware_class/parameters/path
$b chroot /new /bin/bash /run/share/shell
$b poweroff -f
