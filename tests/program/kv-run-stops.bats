# How a run is stopped, and asked how far it is: signals, grace, limits of the system.
load ../helper
load ../quiz

manifest() {
    quiz_preset 1 "${1:-.}"
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
}

# until_asked N - waits until the provider has got so many requests
until_asked() {
    for _ in $(seq 200); do
        [ "$(grep -c . "$JOURNAL")" -ge "$1" ] && return
        sleep 0.02
    done
    fail "the provider was asked $(grep -c . "$JOURNAL") times"
}

@test "run: SIGUSR1 and SIGUSR2 print a status line, and the run goes on to its end" {
    bench 6
    start_provider --answers answers.jsonl --latency 200
    manifest
    kv-run -j 2 r.json.state >rows 2>err &
    local pid=$!
    until_asked 3
    kill -USR1 $pid
    until_asked 5
    kill -USR2 $pid
    wait $pid
    assert_equal "$(grep -c . rows)" 6
    assert_equal "$(grep -cE '^kv-run: [0-9]+/6 tasks  .*[0-9]+ calls? in flight' err)" 2
}

@test "cli: SIGUSR1 makes a filter tell what it has done, and nothing is lost" {
    mkfifo pipe
    kv-manifest --tasks - -o r.json <<<$'"a"\n"b"' >/dev/null
    kv-append r.json.state <pipe >acks 2>err &
    local pid=$!
    exec 7>pipe
    echo '{"task_id":"a"}' >&7
    until [ -s acks ]; do sleep 0.02; done
    kill -USR1 $pid
    until [ -s err ]; do sleep 0.02; done
    echo '{"task_id":"b"}' >&7
    exec 7>&-
    wait $pid
    assert_regex "$(<err)" '^kv-append: 1 results kept, [0-9]+ s$'
    assert_equal "$(grep -c . acks)" 2
}

@test "run: the grace that was asked for is obeyed, after SIGTERM and after a limit" {
    bench 2
    echo '{"rules":[{"when":{},"do":{"peer":"hang"}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
    manifest
    SECONDS=0
    run timeout -s KILL 30 kv-run --time-limit 0.3s --grace 0.5s r.json.state
    assert_failure 1
    assert [ $SECONDS -le 5 ]
    kv-run --grace 0.5s r.json.state >rows 2>err &
    local pid=$!
    until_asked 4
    kill -TERM $pid
    wait $pid || status=$?
    assert_equal "$status" 143
    assert [ $SECONDS -le 10 ]
    assert_regex "$(<err)" 'up to 0 s'
}

@test "run: a grace longer than eight seconds holds after SIGTERM too" {
    bench 1
    start_provider --answers answers.jsonl --latency 2000
    manifest
    kv-run --grace 40s r.json.state >rows 2>err &
    local pid=$!
    until_asked 1
    kill -TERM $pid
    until grep -q 'up to 40 s' err; do sleep 0.02; done
    wait $pid || status=$?
    assert_equal "$status" 143
    assert_equal "$(jq -r .template.raw_llm_response rows)" $'--- AI Message ---\nIt is 1.'
}

@test "cli: too few descriptors are the system's refusal, not a host that is not there" {
    bench 1
    start_provider --answers answers.jsonl
    manifest
    for n in $(seq 6 24); do
        run --separate-stderr prlimit --nofile="$n:$n" kv-run r.json.state
        [ "$status" -eq 0 ] || assert_failure 4
    done
    assert_equal "$(jq -s 'map(.status) | unique' -c "$JOURNAL")" '[200]'
}

@test "cli: a limit on the size of files is the system's refusal, and said" {
    bench 1
    start_provider --answers answers.jsonl
    manifest
    kv-run r.json.state >rows
    run --separate-stderr bash -c 'prlimit --fsize=200 kv-run --no-journal r.json.state >short'
    assert_failure 4
    assert_stderr 'kv-run: stdout: file too large'
    run --separate-stderr prlimit --fsize=200 kv-run r.json.state
    assert_failure 4
    assert_stderr 'kv-run: .r.json.journal: write: file too large'
    run --separate-stderr prlimit --fsize=200 kv-append r.json.state rows
    assert_failure 4
    assert_regex "$stderr" '^kv-append: .*: file too large$'
    run kv-append -q r.json.state rows
    assert_success
}

@test "run: no command outlives a killed kv-run, nor what it has started" {
    kv-manifest --tasks - -o r.json <<<$'"a"\n"b"' >/dev/null
    # shellcheck disable=SC2016 # for the command
    kv-run -j 2 --exec 'echo $$ >>pids; sleep 50 & echo $! >>pids; wait; echo "{}"' r.json.state >rows 2>err &
    local pid=$!
    until [ -e pids ] && [ "$(grep -c . pids)" -eq 4 ]; do sleep 0.02; done
    kill -9 $pid
    for _ in $(seq 100); do
        # shellcheck disable=SC2046 # numbers
        [ -n "$(ps -o pid= -p $(paste -sd, pids))" ] || break
        sleep 0.02
    done
    run ps -o pid= -p "$(paste -sd, pids)"
    assert_output ''
}

@test "run: no key is in the environment of a command that did not ask for it" {
    export OPENAI_API_KEY=sk-canary-1aaaaaaa ANTHROPIC_API_KEY=sk-canary-2bbbbbbb KV_API_KEY_A1=canary-3ccccccc
    kv-manifest --tasks - -o r.json <<<'"a"' >/dev/null
    local print='jq -n "{keys: [env | to_entries[] | select(.value | contains(\"canary\")) | .key] | sort}"'
    run --separate-stderr kv-run --exec "$print" r.json.state
    assert_equal "$(jq -c .keys <<<"$output")" '[]'
    assert_stderr 'kv-run: not in the environment of commands: OPENAI_API_KEY, ANTHROPIC_API_KEY, KV_API_KEY_A1 (--pass-key)'
    run --separate-stderr kv-run --no-journal --pass-key ANTHROPIC_API_KEY,X --exec "$print" r.json.state
    assert_equal "$(jq -c .keys <<<"$output")" '["ANTHROPIC_API_KEY"]'
    assert_stderr 'kv-run: not in the environment of commands: OPENAI_API_KEY, KV_API_KEY_A1 (--pass-key)'
}
