#!/bin/bash
# machine.sh BASE FOLDER NPM_CACHE: becomes the first process of a machine whose files are those of BASE and whose changes
# go to FOLDER. Runs in mount, process, host name and IPC namespaces of its own; the network that it begins with is the real
# one, and is left for one that has a loopback interface only. Ends, and everything in it, with its standard input.
set -eu
base=$1 folder=$2 npm_cache=$3
root=$folder/root
mkdir -p "$folder"/{changes,work,root,shared}
mount -t overlay overlay -o "lowerdir=$base,upperdir=$folder/changes,workdir=$folder/work" "$root"

mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root"/dev/{pts,shm}
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0 1 2; do ln -s "/proc/self/fd/$number" "$root/dev/$(echo stdin stdout stderr | cut -d' ' -f$((number + 1)))"; done
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root"/run/{guide,lock} "$root/var/cache/npm"
mount --bind "$folder/shared" "$root/run/guide"
mount --bind "$npm_cache" "$root/var/cache/npm"

# What apt-get needs to reach this machine's mirror, and the network that it does so by.
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
if test -e "$folder/apt.conf"; then cp "$folder/apt.conf" "$root/etc/apt/apt.conf.d/90this-machine"; fi
touch "$root/run/network"
mount --bind /proc/self/ns/net "$root/run/network"

hostname db
exec unshare --net chroot "$root" /bin/bash -c 'ip link set lo up; echo ready; cat > /dev/null'
