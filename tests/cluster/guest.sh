#!/usr/bin/bash
# guest.sh - the first and only program of the guest that tests/cluster/nfs starts: an NFSv4 server and
# two clients, writers on both of them, and one that is cut off for longer than its lease.
export PATH=/usr/bin:/usr/sbin:/bin:/sbin LC_ALL=C HOME=/root
mkdir -p /bin /root /data /run /m1 /m2 /var/lib/nfs/v4recovery
touch /var/lib/nfs/etab /var/lib/nfs/rmtab /var/lib/nfs/xtab
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs data /data
ln -s /proc/self/fd /dev/fd 2>/dev/null
# shellcheck disable=SC1091 # made by nfs
. /where # KV: the programs, TB: far.so, OLD: programs to compare with, or nothing
LEASE=10 # the shortest there is

say() {
    echo "kv-cluster: $*"
}

finish() {
    say "$@"
    sleep 0.5
    poweroff -f
}

# check WHAT EXPECTED ACTUAL
failures=0
check() {
    if [ "$2" = "$3" ]; then
        say "ok: $1"
    else
        say "NOT OK: $1: expected '$2', not '$3'"
        failures=$((failures + 1))
    fi
}

# ---- the server, and a client in a network of its own for each of two hosts ----

start_server() {
    modprobe -a nfsd nfsv4 veth || finish "modules are missing"
    mount -t nfsd nfsd /proc/fs/nfsd
    ip link set lo up
    echo $LEASE >/proc/fs/nfsd/nfsv4leasetime
    echo $LEASE >/proc/fs/nfsd/nfsv4gracetime
    echo '/data *(rw,no_root_squash,no_subtree_check,insecure,fsid=0)' >/etc/exports
    exportfs -a || finish "exportfs failed"
    rpc.mountd -N 2 -N 3 -u || finish "rpc.mountd failed: $(rpc.mountd -F -d all -N 2 -N 3 -u 2>&1 | tail -n 3)"
    echo "-2 -3 +4 +4.2" >/proc/fs/nfsd/versions
    echo "tcp 2049" >/proc/fs/nfsd/portlist || finish "the server has no port"
    echo 4 >/proc/fs/nfsd/threads || finish "the server does not start"
}

# host K - its network, its name, its mount of the export in a mount namespace of its own
host() {
    ip netns add "h$1" 2>/dev/null || { mkdir -p /run/netns && ip netns add "h$1"; }
    ip link add "v$1" type veth peer name eth0 netns "h$1"
    ip addr add "10.0.$1.1/24" dev "v$1"
    ip link set "v$1" up
    ip netns exec "h$1" ip addr add "10.0.$1.2/24" dev eth0
    ip netns exec "h$1" ip link set eth0 up
    ip netns exec "h$1" ip link set lo up
    # shellcheck disable=SC2016 # there
    nsenter --net="/run/netns/h$1" unshare --mount --uts --propagation private \
        bash -c 'hostname h$1; echo $$ >/tmp/host.$1; mount -t nfs -o vers=4.2,hard,timeo=20 10.0.$1.1:/ /m1; echo $? >/tmp/mounted.$1; exec sleep 100000' host "$1" &
    until [ -s "/tmp/mounted.$1" ]; do sleep 0.1; done
    [ "$(cat "/tmp/mounted.$1")" = 0 ] || finish "host $1 cannot mount"
}

# on K COMMAND... - at the export on host K
on() {
    local pid
    pid=$(cat "/tmp/host.$1")
    shift
    nsenter -t "$pid" --mount --net --uts bash -c 'cd /m1 && exec "$@"' on "$@"
}

cut_off() { ip link set "v$1" down; }
mend() { ip link set "v$1" up; }

# begin N - a run of N tasks, of which the first is done
begin() {
    rm -rf /data/* /data/.r*
    seq "$1" | sed 's/.*/"t&"/' >/data/tasks
    for i in $(seq "$1"); do printf '{"task_id":"t%s","text":"of t%s"}\n' "$i" "$i" >"/data/row$i"; done
    on 1 "$BIN/kv-manifest" --tasks tasks -o r.json >/dev/null
    on 1 "$BIN/kv-append" -q r.json row1
}

# at STEP - waits until the writer of host 1 is held there
at() {
    until [ -e "/tmp/hold/$1.reached" ]; do sleep 0.05; done
}

rows() {
    jq -r '[.results[].task_id] | sort | join(" ")' /data/r.json.tmp 2>&1 || true
}

acknowledged() {
    cat "$@" | jq -r .task_id | sort -u | tr '\n' ' ' | sed 's/ $//'
}

# ---- cases ----

two_writers() {
    local n=40 start pids=
    begin $((2 * n + 1))
    start=$(date +%s)
    for k in 1 2; do
        (for i in $(seq $((k + 1)) 2 $((2 * n + 1))); do cat "/data/row$i"; sleep 0.01; done |
            on $k "$BIN/kv-append" r.json >"/tmp/acks$k" 2>"/tmp/said$k") &
        pids="$pids $!"
    done
    # shellcheck disable=SC2086 # a list
    wait $pids
    check "two writers: every row is acknowledged" $((2 * n)) "$(cat /tmp/acks1 /tmp/acks2 | wc -l)"
    check "two writers: every row is there once" "$((2 * n + 1)) $((2 * n + 1))" \
        "$(jq -r '[.results[].task_id] | "\(length) \(unique | length)"' /data/r.json.tmp)"
    say "two writers: $((2 * n)) rows in $(($(date +%s) - start)) s"
}

# held STEP HOST ROW... - a writer of rows that far.so holds at a step; file system and locks are real
held() {
    local step=$1 host=$2
    shift 2
    # LD_PRELOAD takes no path with a blank in it, LD_LIBRARY_PATH does.
    KV_FAR_HOLD=$step KV_FAR_AT=/tmp/hold LD_LIBRARY_PATH=$TB LD_PRELOAD=far.so on "$host" "$BIN/kv-append" r.json "$@"
}

# The link of host 1 goes down while its writer is about to rename. Another host gets the lock and
# writes, and is in the middle of a copy when the link comes back and the request to rename arrives.
cut_off_while_renaming() {
    begin 5
    rm -rf /tmp/hold
    mkdir /tmp/hold
    (held rename 1 row2 >/tmp/late 2>/tmp/said1; echo $? >/tmp/status1) &
    local late=$!
    at rename
    cut_off 1
    touch /tmp/hold/rename.go # the request is sent again and again from now on
    sleep $((LEASE + 2))
    for i in 3 4; do on 2 "$BIN/kv-append" r.json "row$i"; done >/tmp/next 2>/tmp/said2
    check "$1: the next host has the lock" "t3 t4" "$(acknowledged /tmp/next)"
    held write 2 row5 >/tmp/last 2>/tmp/said3 &
    local last=$!
    at write
    mend 1
    sleep 8 # longer than it takes until it is sent once more
    check "$1: both documents are as the next host left them" "t1 t3 t4 | t1 t3 t4" \
        "$(rows) | $(jq -r '.completed_task_ids | sort | join(" ")' /data/r.json.state)"
    touch /tmp/hold/write.go
    wait $late $last
    say "$1: host 1 ended with $(cat /tmp/status1) $(cat /tmp/said1)"
    check "$1: what was acknowledged is there" "" \
        "$(for key in t1 $(acknowledged /tmp/late /tmp/next /tmp/last); do rows | grep -qw "$key" || echo "$key"; done)"
    say "$1: rows at the end: $(rows); acknowledged: t1 $(acknowledged /tmp/late /tmp/next /tmp/last)"
}

lost_run_lock() {
    begin 40
    on 1 "$BIN/kv-run" -j 1 --progress=none --exec 'sleep 3; echo {}' r.json.state >/tmp/out1 2>/tmp/said1 &
    local first=$! start
    sleep 3
    cut_off 1
    sleep $((LEASE + 2))
    on 2 "$BIN/kv-run" -j 1 --progress=none --max-tasks 1 --exec 'echo {}' r.json.state >/tmp/out2 2>/tmp/said2
    check "run lock: the next host has it" 1 "$(wc -l </tmp/out2)"
    mend 1
    start=$(date +%s)
    wait $first
    check "run lock: the host that lost it stops with 6" 6 $?
    say "run lock: $(($(date +%s) - start)) s after the link was mended: $(grep stopping /tmp/said1)"
}

start_server
say "NFSv4.2 on Linux $(cat /proc/sys/kernel/osrelease), lease $LEASE s"
host 1
host 2
BIN=$KV
two_writers
for try in 1 2 3; do cut_off_while_renaming "cut off while renaming, try $try"; done
lost_run_lock
if [ -n "$OLD" ]; then
    BIN=$OLD
    before=$failures
    for try in 1 2 3; do cut_off_while_renaming "before the correction, try $try"; done
    failures=$before
fi
[ $failures -gt 0 ] || finish "all as it should be"
finish "$failures checks failed"
