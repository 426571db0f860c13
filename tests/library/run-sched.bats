# The scheduler against simulated servers, in virtual time: no network, no waiting.
load ../helper

sim() {
    run --separate-stderr kvtest sched "$@"
    assert_success
}

is() {
    jq -e "$1" <<<"$output" >/dev/null || fail "$1 does not hold: $output"
}

@test "sched: a server that allows 20 requests a second is overrun by less than 1 % of them" {
    sim 800 64 50 20
    is '.ok == 800 and .exhausted == 0 and .wasted <= 8'
    is '.seconds < 50' # 40 at best
}

@test "sched: so is one that names no Retry-After" {
    sim 800 64 50 20 silent
    is '.ok == 800 and .exhausted == 0 and .wasted <= 8 and .seconds < 50'
}

@test "sched: more calls in flight do not make it worse" {
    sim 800 512 50 20
    is '.ok == 800 and .wasted <= 8'
}

@test "sched: the number of calls in flight grows to what was asked for within five round trips" {
    sim 5000 128 200 0
    is '.ok == 5000 and .peak == 128'
    is '.seconds < 5000 / 128 * 0.2 + 6 * 0.2'
}

@test "sched: an outage of 20 seconds is sat out by single probes, and no task is lost to it" {
    sim 600 32 20 0 down-ms 20000
    is '.ok == 600 and .exhausted == 0 and (.stopped | not)'
    is '.sent - .ok < 32 + 40'
}

@test "sched: a host that was never there is given up after a few attempts" {
    sim 100 16 20 0 dead
    is '.ok == 0 and .stopped and .sent <= 20 and .seconds < 10'
}

@test "sched: a slow server is not taken for a small one: -j 8 asks eight before the first has answered" {
    sim 8 8 12000 0
    is '.ok == 8 and .peak == 8 and .seconds < 13' # two rounds would be 24
}
