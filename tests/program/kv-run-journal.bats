# What was paid for is not asked again, whoever dies between the reply and the pair.
load ../helper
load ../quiz

manifest() {
    quiz_preset 1 "${1:-.}"
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
}

# asked_twice - how many requests that were answered came again
asked_twice() {
    jq -s 'map(select(.status == 200)) | group_by(.md5) | map(length - 1) | add // 0' "$JOURNAL"
}

until_true() {
    for _ in $(seq 400); do
        ! "$@" || return 0
        sleep 0.02
    done
    fail "still not so: $*"
}

asked_for() {
    [ "$(asked "$2")" -ge "$1" ]
}

@test "journal: a second run while kv-append still has the results of the first asks nothing" {
    bench 40
    start_provider --answers answers.jsonl
    manifest
    mkfifo pipe
    exec 8<>pipe
    kv-run --max-tasks 12 r.json.state >pipe || true
    assert_equal "$(completed)" 0
    kv-run r.json.state >rows
    assert_equal "$(grep -c . rows)" 40
    assert_equal "$(asked_twice)" 0
    kv-append -q r.json.state rows
    exec 8>&-
    kv-finalize r.json.state >summary
    assert_equal "$(json '[.is_complete, .successful_count] | tojson' summary)" '[true,40]'
    assert [ ! -e .r.json.journal ]
}

@test "journal: what was answered before kill -9 of all is used, results are as they would have been" {
    bench 6
    echo '{"rules":[{"when":{"judge":true,"first":2},"do":{"latency_ms":20000}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
    manifest '.async_max_workers = 6'
    setsid bash -c 'kv-run r.json.state | kv-append -q r.json.state' 3>&- &
    local group=$!
    until_true asked_for 6 .judge # and so has all answers
    kill -9 -- -$group
    wait $group || true
    assert [ "$(completed)" -lt 6 ]
    kv-run r.json.state | kv-append -q r.json.state
    assert_equal "$(asked '.judge | not')" 6
    assert_equal "$(jq -c '[.results[].template | .verify_result, .usage_metadata.answer_generation.input_tokens > 0] | unique' r.json.tmp)" '[true]'
}

@test "journal: when kv-append is killed, calls under way come home, and nothing is asked again" {
    bench 30
    start_provider --answers answers.jsonl --latency 300
    manifest
    mkfifo pipe
    kv-append -q r.json.state <pipe &
    local append=$!
    kv-run -j 5 r.json.state >pipe 2>err &
    local run=$! status=0
    until_true asked_for 8 true
    kill -9 $append
    wait $run || status=$?
    assert_equal "$status" 4
    assert_regex "$(<err)" 'replies under way are kept in .r.json.journal'
    kv-run -j 5 r.json.state | kv-append -q r.json.state
    assert_equal "$(completed)" 30
    assert_equal "$(asked_twice)" 0
    assert_equal "$(asked true)" 60
}

@test "journal: a tee that dies loses nothing that was paid for" {
    bench 30
    start_provider --answers answers.jsonl --latency 20
    manifest
    run bash -c 'kv-run -j 4 r.json.state 2>err | head -c 5000 | kv-append -q r.json.state'
    kv-run -j 4 r.json.state | kv-append -q r.json.state
    assert_equal "$(completed)" 30
    assert_equal "$(asked_twice)" 0
}

@test "journal: the output of commands is kept as well" {
    kv-manifest --tasks - -o r.json <<<$'"a"\n"b"\n"c"' >/dev/null
    local cmd='jq -c "{t: .task_id}" | tee -a ran'
    kv-run --exec "$cmd" r.json.state | head -n 1 >/dev/null || true
    kv-run --exec "$cmd" r.json.state | sort >rows
    assert_equal "$(grep -c . rows)" 3
    assert_equal "$(sort ran | uniq -d)" ''
    kv-run --exec "echo '{}'" r.json.state >other # another command's output is no answer to it
    assert_equal "$(jq -c .t other | sort -u)" null
}

@test "journal: failed tasks that are done again are asked again, once" {
    bench 3
    echo '{"rules":[{"when":{"model":"judge"},"do":{"reply":"no json at all"}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
    manifest
    kv-run r.json.state | kv-append -q r.json.state
    assert_equal "$(kv-status --failed r.json.state | grep -c .)" 3
    stop_provider
    start_provider --answers answers.jsonl --port "$PROVIDER_PORT" # a judge in its senses
    local before
    before=$(asked true)
    kv-run --retry-failed r.json.state >lost
    assert [ "$(asked true)" -gt "$before" ]
    before=$(asked true)
    kv-run --retry-failed r.json.state >rows
    assert_equal "$(asked true)" "$before"
    assert_equal "$(jq -s 'map(.template.verify_result) | unique' -c rows)" '[true]'
    kv-append -q r.json.state rows
    assert_equal "$(kv-status --failed r.json.state | grep -c .)" 0
}

@test "journal: with several judges an answer is kept once, a judgement for each" {
    bench 4
    start_provider --answers answers.jsonl
    manifest '.parsing_models += [.parsing_models[0] + {id: "k", model_name: "judge2"}]'
    kv-run r.json.state >rows
    assert_equal "$(asked '.judge | not') $(asked .judge)" '4 8'
    head -n 3 rows | kv-append -q r.json.state # of the rest some answers are in the pair, some are not
    kv-run r.json.state | kv-append -q r.json.state
    assert_equal "$(completed) $(asked true)" '8 12'
}

@test "journal: it is private, of the pair's mode, and holds no key" {
    bench 2
    start_provider --answers answers.jsonl
    manifest
    chmod 640 r.json.state r.json.tmp
    ln -s elsewhere .r.json.journal
    ln -s elsewhere .r.json.journal.draft
    OPENAI_API_KEY=sk-canary-Zq7wX31vLmT9 kv-run r.json.state >rows
    assert [ ! -e elsewhere ]
    assert_equal "$(stat -c '%F %a' .r.json.journal)" 'regular file 640'
    refute grep -q canary .r.json.journal
    ln .r.json.journal planted
    kv-run r.json.state >rows # one that has a second name is somebody else's
    assert_equal "$(asked '.judge | not')" 4
    assert_equal "$(stat -c %h planted)" 1
}

@test "journal: a torn line and another run's journal are passed over" {
    bench 3
    start_provider --answers answers.jsonl
    manifest
    kv-run r.json.state >rows
    printf '{"id":"0123' >>.r.json.journal
    kv-run r.json.state >rows
    assert_equal "$(asked true)" 6
    assert_equal "$(jq -s length .r.json.journal)" 7
    cp .r.json.journal old
    kv-manifest -b bench.jsonl -c preset.json -o r.json --force >/dev/null
    cp old .r.json.journal
    kv-run r.json.state >rows
    assert_equal "$(asked true)" 12
}

@test "journal: what the pair has is dropped; --no-journal makes none" {
    bench 3
    start_provider --answers answers.jsonl
    manifest
    kv-run r.json.state | kv-append -q r.json.state
    assert [ "$(jq -s length .r.json.journal)" -eq 7 ]
    run kv-run r.json.state
    assert_success
    assert [ ! -e .r.json.journal ]
    kv-manifest -b bench.jsonl -c preset.json -o r.json --force >/dev/null
    kv-run --no-journal r.json.state >rows
    assert [ ! -e .r.json.journal ]
}

@test "journal: it shrinks in the middle of a run when the pair has caught up" {
    bench 60
    jq -c '.answer += "x" * 600000' answers.jsonl >long.jsonl
    start_provider --answers long.jsonl --latency 60
    manifest
    kv-run -j 2 r.json.state | kv-append -q r.json.state
    assert_equal "$(completed)" 60
    assert [ "$(stat -c %s .r.json.journal)" -lt 25000000 ]
    assert_equal "$(asked true)" 120
}

@test "journal: replies under way when the disk fills are kept" {
    unshare -rm true 2>/dev/null || skip "no namespaces for a small disk"
    bench 12
    start_provider --answers answers.jsonl --latency 100
    quiz_preset 1 .
    mkdir disk
    # shellcheck disable=SC2016 # for the inner shell
    unshare -rm bash -c '
        mount -t tmpfs -o size=6m disk disk && cp bench.jsonl preset.json disk && cd disk || exit 99
        kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
        kv-run -j 2 --max-tasks 2 r.json.state | kv-append -q r.json.state
        (sleep 0.25; head -c 20m /dev/zero >full 2>/dev/null) &
        kv-run -j 4 r.json.state 2>../err | kv-append -q r.json.state 2>>../err
        wait; rm -f full
        kv-run -j 4 r.json.state | kv-append -q r.json.state
        jq .completed_count r.json.state >../done' 3>&-
    assert_equal "$(<done)" 12
    assert_equal "$(asked_twice)" 0
}

@test "journal: a result from a kept reply is the one that would have been, but for its times" {
    bench 4
    echo '{"rules":[{"when":{"contains":"number 2?","judge":false},"do":{"finish":"length"}},
        {"when":{"contains":"number 3?","each":1},"do":{"status":500,"body":"oh"}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
    manifest
    kv-run r.json.state >live
    kv-run r.json.state >kept
    assert_equal "$(asked_twice)" 0
    local plain='del(.metadata.timestamp, .metadata.execution_time, .metadata.result_id,
        .metadata.first_token_seconds?, .metadata.output_tokens_per_second?)'
    diff <(jq -cS "$plain" live | sort) <(jq -cS "$plain" kept | sort)
    assert_equal "$(jq -c '[.. | objects | .server_error?.used? // empty] | unique' kept | sort -u | tail -n 1)" '[2]' # answer and judgement
}
