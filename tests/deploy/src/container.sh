# Runs a command as a container engine would: `sh -eu container.sh ROOT PROGRAMS UID [OUTSIDE INSIDE ro|rw]… -- COMMAND…`,
# as root, in a mount namespace of its own (`unshare --mount`). ROOT is an empty folder. What the image has of its system
# is the machine's here, to be read: libraries, certificates, names.
root=$1 programs=$2 user=$3
shift 3
read_only() { mount --bind "$1" "$2" && mount -o remount,bind,ro "$2"; }

mount -t tmpfs tmpfs "$root"
mkdir -p "$root/usr" "$root/proc" "$root/dev" "$root/etc/ssl"
for link in bin lib lib64; do ln -s "usr/$link" "$root/$link"; done
for folder in usr etc/ssl; do read_only "/$folder" "$root/$folder"; done
for folder in proc dev; do mount --rbind "/$folder" "$root/$folder"; done
for file in hosts nsswitch.conf resolv.conf; do cp "/etc/$file" "$root/etc/"; done
# Where the image has the programs; nothing else is there.
mount -t tmpfs tmpfs "$root/usr/local/bin"
for program in accounts gateway; do
    touch "$root/usr/local/bin/$program"
    read_only "$programs/$program" "$root/usr/local/bin/$program"
done
mount -o remount,ro "$root/usr/local/bin"
while [ "$1" != -- ]; do
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    [ "$3" = rw ] || mount -o remount,bind,ro "$root$2"
    shift 3
done
shift
mount -o remount,ro "$root"
# A small soft limit of open files, as engines set it.
ulimit -Sn 1024
exec unshare --root="$root" --wd=/ setpriv --reuid "$user" --regid "$user" --clear-groups \
    --inh-caps=-all --ambient-caps=-all --bounding-set=-all --no-new-privs "$@"
