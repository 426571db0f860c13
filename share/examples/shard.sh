#!/bin/bash
# shard.sh N HEAD - do shard @ of N here, and bring its results into all.json on HEAD: kv-hosts(7).
#
# The same for every engine. Whatever ends it, it can be started again, here or elsewhere. It exits
# 0 when nothing of the shard is pending, 75 when HEAD could not be reached, else as kv-run.
# KV_OUTBOX is the directory of the outbox, on a local disk; KV_AMONG how many run at once.
set -o pipefail
[ $# -eq 2 ] || { echo "usage: shard.sh N HEAD" >&2; exit 2; }
N=$1 HEAD=$2
for variable in KV_SHARD SLURM_ARRAY_TASK_ID JOB_COMPLETION_INDEX AWS_BATCH_JOB_ARRAY_INDEX \
    NOMAD_ALLOC_INDEX PBS_ARRAY_INDEX SGE_TASK_ID LSB_JOBINDEX; do
    member=${!variable:-}
    [ -z "$member" ] || break
done
outbox=${KV_OUTBOX:-${TMPDIR:-/tmp}}/shard-$member.json

to_head() {
    ssh -o ServerAliveInterval=15 "$HEAD" kv-append -q all.json
}

kv-manifest -b bench.jsonl -c preset.json -o "$outbox" --shard "@/$N" --if-absent >/dev/null || exit
shard=$(jq -r .kv_shard "$outbox.state") || exit 4

# What an earlier attempt left here comes first: then HEAD knows what is pending.
[ "$(jq .row_count "$outbox.state")" = 0 ] || to_head <"$outbox.tmp" || exit 75
ssh "$HEAD" kv-status --pending --shard "$shard" all.json >"$outbox.todo" || exit 75
[ -s "$outbox.todo" ] || exit 0

kv-run --among "${KV_AMONG:-1}" "$outbox" "$outbox.todo" | kv-append --tee "$outbox" | to_head
status=("${PIPESTATUS[@]}")
# Where the stream broke, all of it again: kv-append keeps what is new.
[ "${status[2]}" = 0 ] || to_head <"$outbox.tmp" || exit 75
[ "${status[0]}" != 0 ] || exit "${status[1]}"
exit "${status[0]}"
