# usage: pod.sh ROOT UID GID VOLUMES COMMAND...
# Become COMMAND as the restricted standard of Kubernetes has it: no root, no capability, a root directory
# that cannot be written, /tmp in memory. Runs in a mount namespace of its own; VOLUMES are lines SOURCE:TARGET.
set -eu
root=$1 uid=$2 gid=$3 volumes=$4
shift 4
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
for volume in $volumes; do
    mount --bind "${volume%%:*}" "$root${volume#*:}"
done
exec chroot "$root" /usr/bin/setpriv --reuid="$uid" --regid="$gid" --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all -- "$@"
