# The scheduler against simulated servers, in virtual time: no network, no waiting.
load ../helper

# sim NAME=NUMBER... - as tests/kvtest/kvtest_sched.c describes
sim() {
    run --separate-stderr kvtest sched "$@"
    assert_success
}

is() {
    jq -e "$1" <<<"$output" >/dev/null || fail "$1 does not hold: $output"
}

# rivals LEAST MOST NAME=NUMBER... - for a minute of this server, as a mean over eight courses of
# chance: -j auto serves at least LEAST times what the best named number does, at most the part MOST of
# its requests is refused in the second half minute; and in none, nor with any number that is named, a
# call is given up, or with auto timed out
rivals() {
    local least=$1 most=$2 jobs seed best=0 served='' refused=''
    shift 2
    for jobs in 1 2 4 8 16 32 64; do
        sim seconds=60 jobs="$jobs" "$@"
        is '.exhausted == 0 and (.stopped | not)'
        best=$(jq -n --argjson best "$best" --argjson now "$output" '[$best, $now.per_s] | max')
    done
    for seed in 1 2 3 4 5 6 7 8; do
        sim seconds=60 seed="$seed" "$@"
        is '.exhausted == 0 and .timeouts == 0 and (.stopped | not)'
        served+=$output
        sim seconds=60 seed="$seed" from=30 "$@"
        refused+=$output
    done
    output=$(jq -s -c '{served: (map(.per_s) | add / 8)}' <<<"$served")
    is ".served >= $least * $best"
    output=$(jq -s -c '{refused: (map(.part) | add / 8)}' <<<"$refused")
    is ".refused <= $most"
}

@test "sched: a rate with room for bursts: auto does as well as the best number, 5 % refused at most" {
    rivals 0.95 0.03 rate=20 burst=20 service_ms=50
    rivals 0.95 0.03 rate=20 burst=20 service_ms=200 spread=0.5
    rivals 0.95 0.03 rate=5 burst=10 service_ms=50
    rivals 0.95 0.03 rate=20 burst=19 service_ms=50 wait_ms=1000
    sim rate=20 burst=20 service_ms=50 seconds=60
    is '.per_s > 19 and .refused / .sent < 0.05'
}

@test "sched: so it does where requests are held back, or must keep their distance" {
    rivals 0.95 0.03 rate=20 burst=20 delay=1 service_ms=50
    rivals 0.95 0.03 rate=20 service_ms=50
    rivals 0.85 0.03 rate=20 service_ms=200 spread=0.5
}

@test "sched: so it does where connections are counted" {
    rivals 0.95 0.03 conns=20 service_ms=300
    rivals 0.95 0.03 conns=20 service_ms=300 spread=0.9
    rivals 0.95 0.03 conns=4 service_ms=300
    rivals 0.95 0.03 conns=4 service_ms=300 spread=0.9
}

@test "sched: a queue before few slots is not filled to its time limit" {
    rivals 0.95 0 slots=4 service_ms=500 timeout_ms=12000
    rivals 0.95 0 slots=4 service_ms=500 spread=0.8 timeout_ms=12000
    rivals 0.9 0.03 slots=4 service_ms=300 queue_ms=3000
    sim slots=4 service_ms=500 timeout_ms=12000 seconds=60
    is '.peak <= 32'
}

@test "sched: a number that was named is lowered when calls come near to their time limit" {
    sim slots=4 service_ms=500 timeout_ms=12000 seconds=600 from=120 jobs=128
    is '.timeouts < 200 and .per_s > 7'
    sim slots=4 service_ms=500 timeout_ms=12000 seconds=120 jobs=64
    is '.timeouts == 0 and .per_s > 7.5'
}

@test "sched: latency that grows with load or has no limit is used as far as it serves" {
    rivals 0.8 0 service_ms=200 grow_ms=20 timeout_ms=12000
    rivals 1 0 service_ms=200
    sim service_ms=2000 spread=1 seconds=120
    is '.per_s > 150 and .peak == 512'
}

@test "sched: calls that become longer by themselves are not taken for a queue" {
    sim service_ms=200 timeout_ms=60000 change_ms=10000 slow=10 seconds=60 from=40
    is '.per_s > 200'
}

@test "sched: two lanes of one server share what it grants" {
    rivals 0.9 0.04 lanes=2 rate=20 burst=20 service_ms=100
    rivals 0.85 0.06 lanes=2 rate=20 service_ms=100
    rivals 0.9 0.04 lanes=2 conns=20 service_ms=300 spread=0.5
    rivals 0.9 0.04 lanes=2 conns=4 service_ms=300 spread=0.5
    rivals 0.9 0 lanes=2 slots=4 service_ms=500 spread=0.5 timeout_ms=12000
}

@test "sched: so do two that are not known to be of one server, though each takes the other for chance" {
    rivals 0.85 0.1 lanes=2 apart=1 rate=20 burst=20 service_ms=100
    rivals 0.6 0.15 lanes=2 apart=1 conns=20 service_ms=300 spread=0.5
}

@test "sched: a limit that changes is found again, both ways" {
    sim seconds=60 from=40 rate=20 burst=20 service_ms=50 change_ms=30000 change=0.25
    is '.per_s > 4.7 and .part < 0.05'
    sim seconds=90 from=70 rate=5 burst=10 service_ms=50 change_ms=30000 change=4
    is '.per_s > 18'
    sim seconds=60 from=40 conns=20 service_ms=300 change_ms=30000 change=0.5
    is '.per_s > 30 and .part < 0.05'
    sim seconds=60 from=40 conns=5 service_ms=300 change_ms=30000 change=4
    is '.per_s > 60'
}

@test "sched: refusals at random, 30 % with Retry-After: 1, hold nobody at one call a second" {
    local seed
    for seed in 1 2 3 4 5 6 7 8; do
        sim noise=0.3 wait_ms=1000 service_ms=200 seconds=60 from=30 seed=$seed
        is '.per_s > 50 and .exhausted == 0'
        sim noise=0.3 wait_ms=1000 service_ms=200 seconds=60 from=30 jobs=8 seed=$seed
        is '.per_s > 8 and .exhausted == 0'
    done
    sim noise=0.3 wait_ms=1000 service_ms=50 calls=120
    is '.ok == 120 and .seconds < 30'
    sim noise=0.02 service_ms=200 seconds=60 from=30
    is '.per_s > 20'
}

@test "sched: windows of a minute and waits that differ, which it was not made for" {
    sim window_ms=60000 count=100 service_ms=300 seconds=600 from=300
    is '.per_s > 1.55 and .part < 0.1 and .exhausted == 0'
    rivals 0.95 0.2 rate=1.667 burst=100 service_ms=300 wait_ms=5000
    rivals 0.95 0.03 conns=10 service_ms=400 spread=0.7 wait_ms=500 jitter=8
}

@test "sched: a rate that counts refused requests too is found" {
    sim counted=20 service_ms=50 seconds=60 from=30
    is '.per_s > 16 and .part < 0.03'
    sim counted=20 lanes=2 service_ms=50 seconds=60 from=30 jobs=64
    is '.per_s > 16 and .part < 0.03'
    sim counted=20 lanes=2 service_ms=50 seconds=25 from=8 # soon after a burst, too
    is '.per_s > 14 and .part < 0.03'
}

@test "sched: one call at a time is not slowed by the waits of calls that are refused at random" {
    local seed
    for seed in 1 2 3 4 5 6 7 8; do
        sim noise=0.3 wait_ms=1000 service_ms=50 seconds=60 from=20 jobs=1 seed=$seed
        is '.per_s > 14 and .exhausted == 0' # 20 at most
        sim noise=0.3 wait_ms=1000 service_ms=50 seconds=60 from=20 jobs=4 seed=$seed
        is '.per_s > 40 and .exhausted == 0'
        sim noise=0.02 service_ms=200 seconds=60 from=40 seed=$seed
        is '.per_s > 800' # 2560 at most: 512 at once
    done
}

# Servers whose kind, limits and latency are drawn at random. The constants of lib/run were chosen
# with the seeds 1 to 200 and 1001 to 1200 (KV_DRAWS=200 KV_DRAWS_FROM=1), which these are not of.
@test "sched: servers that nobody chose: -j auto is near the best number, and few are refused" {
    local from=${KV_DRAWS_FROM:-5001} draws=${KV_DRAWS:-24} draw jobs
    for draw in $(seq "$from" $((from + draws - 1))); do
        for jobs in 0 1 2 4 8 16 32 64; do
            printf '%s ' "$draw"
            kvtest sched seconds=60 draw="$draw" jobs=$jobs
        done
    done >drawn
    run jq -R -s -c 'def part(p): sort | .[length * p | floor];
        split("\n") | map(select(. != "") | split(" ") | {draw: .[0], it: (.[1] | fromjson)}) |
        group_by(.draw) | map(map(.it) | (.[1:] | map(.per_s) | max) as $best |
            .[0] + {beside: (if $best > 0 then .[0].per_s / $best else 1 end),
                given_up: (map(.exhausted) | add), any_stopped: any(.stopped)}) |
        {servers: length, tenth: (map(.beside) | part(0.1)), median: (map(.beside) | part(0.5)),
            refused: (map(select(.noise == 0).part) | {median: part(0.5), most: part(0.9)}),
            timeouts: (map(.timeouts) | add), given_up: (map(.given_up) | add),
            stopped: any(.any_stopped)}' drawn
    [ -z "${KV_DRAWS:-}" ] || printf '# %s\n' "$output" >&3
    is ".servers == $draws and .given_up == 0 and (.stopped | not)"
    is '.median >= 0.95 and .tenth >= 0.6 and .refused.median <= 0.05 and .refused.most <= 0.2'
}

@test "sched: one burst of refusals is one event: there is no silence after it" {
    sim rate=20 burst=20 service_ms=50 seconds=10 jobs=64
    is '.per_s > 20'
    sim conns=20 service_ms=300 seconds=10 jobs=64
    is '.per_s > 58'
    sim conns=4 service_ms=300 seconds=10
    is '.per_s > 12'
}

@test "sched: a lane whose first calls are refused is at its rate within ten seconds" {
    sim rate=20 service_ms=50 seconds=20 from=10
    is '.per_s > 18'
}

@test "sched: --rpm is kept within 3 % at any number of calls in flight" {
    local rpm jobs
    for rpm in 60 300 600 3000; do
        for jobs in 4 16 64; do
            sim rpm=$rpm jobs=$jobs service_ms=60 spread=0.5 seconds=120 from=20
            is "(.per_s * 60 - $rpm | fabs) <= 0.03 * $rpm"
        done
    done
    sim rpm=600 service_ms=60 seconds=120 from=20
    is '(.per_s * 60 - 600 | fabs) <= 18'
}

@test "sched: so is --tpm, though calls use another number of tokens than was guessed" {
    local tpm jobs guess
    for tpm in 6000 60000; do
        for jobs in 4 16 64; do
            for guess in 50 100 600; do
                sim tpm=$tpm tokens=100 guess=$guess jobs=$jobs service_ms=200 seconds=180 from=30
                is "(.tokens_per_min - $tpm | fabs) <= 0.03 * $tpm"
            done
        done
    done
}

@test "sched: the number of calls in flight grows to what was asked for within five round trips" {
    sim calls=5000 jobs=128 service_ms=200
    is '.ok == 5000 and .peak == 128'
    is '.seconds < 5000 / 128 * 0.2 + 6 * 0.2'
}

@test "sched: an outage of 20 seconds is sat out by single probes, and no task is lost to it" {
    sim calls=600 jobs=32 service_ms=20 down_ms=100 down_for_ms=20000
    is '.ok == 600 and .exhausted == 0 and (.stopped | not)'
    is '.sent - .ok < 2 * 32 + 40'
}

@test "sched: after an outage that no call of a whole window has survived a queue is still seen" {
    sim slots=16 service_ms=500 timeout_ms=12000 down_ms=30000 down_for_ms=80000 lost_ms=5000 seconds=400 from=150
    is '.timeouts == 0 and .exhausted == 0 and (.stopped | not) and .per_s > 28'
}

@test "sched: a host that was never there is asked as often and as long at any number of calls" {
    local jobs
    for jobs in 1 4 64; do
        sim calls=100 jobs=$jobs service_ms=20 down_for_ms=1e9
        is '.ok == 0 and .stopped and .seconds > 1 and .seconds < 8'
        is ".sent <= $jobs + 4 and .sent >= 4"
    done
}

@test "sched: a slow server is not taken for a small one: -j 8 asks eight before the first has answered" {
    sim calls=8 jobs=8 service_ms=12000
    is '.ok == 8 and .peak == 8 and .seconds < 13' # two rounds would be 24
}

@test "sched: a host that vanished is given up two minutes after its last answer, at any number of calls" {
    local jobs
    for jobs in 1 8 64; do
        sim jobs=$jobs service_ms=200 down_ms=20000 down_for_ms=1e9 lost_ms=10000
        is '.stopped and .seconds > 20 + 120 and .seconds < 20 + 150'
        sim jobs=$jobs service_ms=200 down_ms=20000 down_for_ms=100000 seconds=160
        is '.stopped | not'
    done
}
