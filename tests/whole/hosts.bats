# One run over many hosts: share/examples/shard.sh with engines that start, repeat and kill it.
#
# A host is a session with a directory of its own for the outbox, a crash is SIGKILL to the session.
# ssh is a script that runs the command in the head's directory, in a session of its own: a host
# that dies does not take the head with it.
load ../helper
load ../quiz

setup() {
    kv_setup
    export OPENAI_API_KEY=none
    SHARD=$ROOT/share/examples/shard.sh
    mkdir head stub
    export SHELL=/bin/bash # GNU parallel asks it, and a bare environment has none
    cat >stub/ssh <<'SSH'
#!/bin/bash
while [ "$1" = -o ]; do shift 2; done
cd "$HEADS/$1" && shift && [ "$1" != -- ] || shift
exec setsid -w sh -c "echo \$\$ >session; $*"
SSH
    chmod +x stub/ssh
    export HEADS=$PWD PATH=$PWD/stub:$PATH
}

# begin N MS - the run at the head: N questions, a model and a judge that take so long, ten at a time
begin() {
    bench "$1"
    start_provider --answers answers.jsonl --latency "$2"
    quiz_preset 1 '.async_max_workers = 10'
    kv-manifest -b bench.jsonl -c preset.json -o head/all.json >/dev/null
}

# member K N OUTBOX - a host does one member of an array of N; its session is in session.K
member() {
    setsid -w bash -c 'echo $$ >"session.$1"; KV_SHARD=$1 KV_OUTBOX=$3 exec "$4" "$2" head' \
        member "$1" "$2" "$3" "$SHARD" 3>&- 9>&-
}

# engine N HOSTS LOST - starts N members, so many at a time, again until each has ended well; LOST:
# with a new disk each time
engine() {
    export -f member
    export SHARD
    seq 0 $(($1 - 1)) | xargs -P "$2" -I{} bash -c '
        tries=0
        while disk=disk.$1.0 && { [ -z "$3" ] || disk=disk.$1.$tries; } && mkdir -p $disk &&
            ! member "$1" "$2" $disk; do
            [ $((tries += 1)) -lt 20 ] || exit 1
        done' engine {} "$1" "$3" 2>engine.messages 3>&- 9>&-
}

tenth() {
    read -rt 0.1 <> <(:) || true
}

# Looks at both documents until told to stop; says so once when one of them is not valid.
reader() {
    while [ ! -e stop ]; do
        jq -e .format_version head/all.json.tmp head/all.json.state >/dev/null || echo "invalid" >invalid
        tenth
    done
}

done_at_head() {
    kv-status --json head/all.json | jq .progress.completed_count
}

# kill_a_host N ENGINE - waits until the head has N results and a host is at work, and kills that host
kill_a_host() {
    local file
    until [ "$(done_at_head)" -ge "$1" ]; do tenth; done
    while kill -0 "$2"; do
        for file in session.*; do
            pgrep -x -s "$(cat "$file")" kv-run >/dev/null || continue
            ! kill -9 -- -"$(cat "$file")" || return 0
        done
    done
    fail 'the run ended before a host was killed'
}

# How many of the answers were asked for more often than once
asked_again() {
    jq -s 'map(select(.judge | not)) | length' "$JOURNAL" | awk -v once="$1" '{ print $1 - once }'
}

# Every task has one row at the head, and the run can be ended.
assert_whole() {
    assert [ ! -e invalid ]
    kv-status -q head/all.json
    assert_equal "$(jq -c '[(.results | length), ([.results[].metadata.question_id] | unique | length)]' head/all.json.tmp)" "[$1,$1]"
    kv-finalize head/all.json
}

@test "hosts: one of three is killed and its disk lost: each result once, at most what was in flight twice" {
    begin 600 150
    reader &
    local looking=$!
    engine 12 3 lost &
    local running=$!
    kill_a_host 100 $running
    wait $running
    touch stop
    wait $looking
    echo "asked again: $(asked_again 600)"
    [ "$(asked_again 600)" -le 20 ] # 2 × -j
    assert_whole 600
}

@test "hosts: one of three is killed and comes back with its disk: what is in the outbox is not asked again" {
    begin 600 150
    engine 12 3 '' &
    local running=$!
    kill_a_host 100 $running
    wait $running
    echo "asked again: $(asked_again 600)"
    [ "$(asked_again 600)" -le 10 ] # -j
    assert_whole 600
}

@test "hosts: the wire stops and then breaks: nothing is asked twice" {
    begin 120 20
    mkdir disk
    member 0 1 disk &
    local host=$! reached
    until [ "$(done_at_head)" -ge 10 ]; do tenth; done
    kill -STOP -- -"$(cat head/session)" # of the kv-append at the head
    reached=$(done_at_head)
    until [ "$(kv-status --json disk/shard-0.json | jq .progress.completed_count)" -gt "$reached" ]; do tenth; done
    kill -KILL -- -"$(cat head/session)"
    wait $host || true
    member 0 1 disk
    assert_equal "$(asked_again 120)" 0
    assert_whole 120
}

@test "hosts: a shard that is started twice on one disk is done once, on two disks kept once" {
    begin 60 100
    mkdir disk other
    member 0 1 disk &
    local host=$! status=0
    until [ "$(done_at_head)" -ge 5 ]; do tenth; done
    kill -STOP -- -"$(cat session.0)"
    KV_SHARD=0 KV_OUTBOX=disk "$SHARD" 1 head || status=$?
    assert_equal "$status" 6
    kill -CONT -- -"$(cat session.0)"
    wait $host
    assert_equal "$(asked_again 60)" 0
    member 0 1 other
    assert_equal "$(asked_again 60)" 0
    assert_whole 60
}

@test "hosts: an outbox of another division is refused" {
    begin 20 0
    mkdir disk
    member 0 2 disk
    run --separate-stderr member 0 4 disk
    assert_failure 1
    [[ $stderr == "kv-manifest: disk/shard-0.json.state: is shard 1/2, not 1/4;"* ]]
}

@test "hosts: shard.sh with make, and with parallel over ssh" {
    begin 40 0
    mkdir disk
    printf 'all: %s; @:\n%%: ; KV_SHARD=$@ KV_OUTBOX=disk "$$SHARD" 4 head\n' '0 1 2 3' >shards.mk
    export SHARD
    make -s -j 2 -f shards.mk
    assert_whole 40
    kv-manifest -b bench.jsonl -c preset.json -o head/all.json --force >/dev/null
    mkdir n1 n2
    cp bench.jsonl preset.json n1
    cp bench.jsonl preset.json n2
    seq 0 3 | parallel --will-cite -S 1/n1,1/n2 "KV_SHARD={} KV_OUTBOX=. '$SHARD' 4 head" 3>&- 9>&-
    ls n1/shard-*.json.state n2/shard-*.json.state
    assert_whole 40
}

@test "hosts: shard.sh has an outbox for each member of an array, whichever engine counts them" {
    begin 8 0
    local variable k
    for variable in NOMAD_ALLOC_INDEX PBS_ARRAY_INDEX SGE_TASK_ID LSB_JOBINDEX; do
        mkdir $variable
        for k in 1 2; do
            env $variable=$k KV_OUTBOX=$variable "$SHARD" 2 head
            assert [ -e $variable/shard-$k.json.state ]
        done
    done
    assert_whole 8
}

@test "hosts: slurm.sh requeues what running again can help, and ends the array for a refused key" {
    printf '#!/bin/sh\nexit $SRUN_STATUS\n' >stub/srun
    printf '#!/bin/sh\necho scontrol "$@"\n' >stub/scontrol
    printf '#!/bin/sh\necho scancel "$@"\n' >stub/scancel
    chmod +x stub/*
    export SLURM_JOB_ID=17 SLURM_ARRAY_JOB_ID=10
    local ended
    for ended in 1 6 75 129 130 143; do
        SRUN_STATUS=$ended run "$ROOT/share/examples/slurm.sh"
        assert_equal "$status: $output" "$ended: scontrol requeue 17"
    done
    SRUN_STATUS=75 SLURM_RESTART_COUNT=20 run -75 "$ROOT/share/examples/slurm.sh"
    assert_output ''
    SRUN_STATUS=5 run -5 "$ROOT/share/examples/slurm.sh"
    assert_output 'scancel 10'
    SRUN_STATUS=0 run -0 "$ROOT/share/examples/slurm.sh"
    assert_output ''
}

# example PAGE N - writes the N-th literal block of its examples, as a shell would read it, to `typed`
example() {
    awk -v wanted="$2" '
        /^\.Sh / { inside = /^\.Sh EXAMPLES/ }
        inside && /^\.Bd/ { n++; next }
        /^\.Ed/ { if (n == wanted) exit; next }
        inside && n == wanted { gsub(/\\e/, "\\"); print }
    ' "$ROOT/man/$1" >typed
    assert [ -s typed ]
}

@test "kv-hosts.7: with parallel, then at the head how far it is, and the end" {
    begin 60 0
    local host
    for host in n1 n2 n3; do
        mkdir $host
        cp bench.jsonl preset.json "$SHARD" $host
    done
    rm head/all.json.*
    example kv-hosts.7 1
    # as typed at the head; its first line is that of begin
    ln -s ../bench.jsonl ../preset.json head
    (cd head && PARALLEL_SSH=ssh bash -e ../typed) 3>&- 9>&-
    example kv-hosts.7 5
    mkdir by-hand
    cp n?/shard-*.json.* by-hand
    cp head/all.json.* by-hand
    (cd by-hand && bash -e ../typed >sum)
    assert_equal "$(jq -c '[.states, .progress.completed_count, .complete]' by-hand/sum)" '[30,60,true]'
    example kv-hosts.7 4
    cd head
    run bash -eo pipefail ../typed
    assert_success
    assert_line --index 0 0
    assert_equal "$(jq '.results | length' all.json)" 60
}

@test "kv-hosts.7: with Slurm, as far as its commands can be stood in for" {
    begin 30 0
    cp "$SHARD" "$ROOT/share/examples/slurm.sh" .
    cat >stub/sbatch <<'SBATCH'
#!/bin/bash
array=$(printf '%s\n' "$@" | sed -n 's/^--array=0-\([0-9]*\)%.*/\1/p')
for i in $(seq 0 "$array"); do
    SLURM_ARRAY_TASK_ID=$i SLURM_ARRAY_TASK_COUNT=$((array + 1)) "./${!#}" || exit
done
SBATCH
    printf '#!/bin/sh\nexec "$@"\n' >stub/srun
    chmod +x stub/*
    mkdir disk
    example kv-hosts.7 2
    TMPDIR=disk bash -e typed
    assert_whole 30
}

@test "kv-hosts.7: with Kubernetes, as far as the command of job.yaml goes" {
    begin 30 0
    cp "$SHARD" "$ROOT/share/examples/job.yaml" .
    cat >stub/kubectl <<'KUBECTL'
#!/bin/bash
command=$(sed -n 's/^ *command: \[\(.*\)\]$/\1/p' "$3" | tr -d ',"')
for index in $(seq 0 $(($(sed -n 's/^ *completions: //p' "$3") - 1))); do
    JOB_COMPLETION_INDEX=$index KV_OUTBOX=disk $command || exit
done
KUBECTL
    chmod +x stub/kubectl
    mkdir disk
    example kv-hosts.7 3
    bash -e typed
    assert_whole 30
}

@test "hosts: a command that finds its host down leaves the task pending, and the host takes no more than its turn" {
    local k
    seq 60 | sed 's/.*/"t&"/' >tasks
    kv-manifest --tasks tasks -o r.json >/dev/null
    # A host that is free does the task: when the others are at work, that is the one that is down.
    cat >anywhere <<'ANYWHERE'
#!/bin/bash
task=$(cat)
for host in n1 n2 n3; do
    exec 8>>"$host"
    flock -n 8 || continue
    echo "$task" >&8
    [ $host != n3 ] || exit 255 # as ssh says it
    read -rt 0.05 <> <(:)
    echo '{"host":"'$host'"}'
    exit
done
exit 75
ANYWHERE
    chmod +x anywhere
    run -1 --separate-stderr bash -c 'kv-run -j 3 --exec ./anywhere r.json | tee rows | kv-append -q r.json; exit "${PIPESTATUS[0]}"'
    echo "$stderr"
    [[ $stderr == *"not done"* ]]
    k=$(wc -l <n3)
    echo "asked of the host that is down: $k"
    [ "$k" -ge 1 ] && [ "$k" -le 8 ]
    assert_equal "$(kv-status --json r.json | jq .progress.completed_count)" "$(wc -l <rows)"
    [ "$(wc -l <rows)" -ge 50 ]
    run -0 bash -c 'kv-run --exec "echo {}" r.json | kv-append -q r.json'
    assert_equal "$(jq -r '[.results[].task_id] | [length, (unique | length)] | join(" ")' r.json.tmp)" '60 60'
}
