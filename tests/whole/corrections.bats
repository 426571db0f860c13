# What is corrected while a run lasts, or after it: questions, settings, ground truths, templates.
load ../helper
load ../quiz

setup() {
    kv_setup
    export OPENAI_API_KEY=sk-canary-Zq7wX31vLmT9
}

preset() {
    quiz_preset 1 "$@"
}

manifest() {
    kv-manifest -b bench.jsonl -c preset.json -o r.json "$@" >/dev/null
}

# keep [OPTION...] - one run into the files; its status, what it says in err
keep() {
    local status=0
    kv-run "$@" r.json.state >rows 2>err || status=$?
    kv-append -q r.json.state <rows
    return "$status"
}

# begun N [OPTION...] - a run of N questions, of which kv-run has done some
begun() {
    bench "$1"
    start_provider --answers answers.jsonl
    preset
    manifest
    run keep "${@:2}"
}

@test "corrections: a run whose questions have changed says which, how to keep what it has, and ends with 3" {
    begun 6 --max-tasks 2
    sed -i '2s/"answer":"2"/"answer":"two"/; 6s/"answer":"6"/"answer":"six"/' bench.jsonl
    run keep
    assert_failure 3
    assert_equal "$(<err)" "kv-run: bench.jsonl: 2 questions have changed since the run was begun: q2, q6; put that right, or keep the results in a new run: kv-manifest -b bench.jsonl -c r.json.state -o NEW.json --extend-from r.json.tmp"
    run --separate-stderr kv-check-compat -b bench.jsonl -c preset.json r.json.state
    assert_failure 1
    assert_equal "$(json -c .changed_questions <<<"$output")" '["q2","q6"]'
    run manifest --if-absent
    assert_failure 1
    assert_output --partial '2 questions have changed since the run was begun: q2, q6'
    # The command that is said keeps the answers that were paid for, and asks only what is missing.
    local asked_before command
    asked_before=$(asked '.judge | not')
    command=$(sed 's/.*new run: //; s/NEW.json/new.json/' err)
    run bash -c "$command"
    assert_success
    run bash -c 'set -o pipefail; kv-run new.json.state | kv-append -q new.json.state'
    assert_success
    assert_equal "$(asked '.judge | not')" 6
    assert_equal "$asked_before" 2
    # Questions that are gone are told too.
    sed -i 1d bench.jsonl
    run --separate-stderr kv-run new.json.state --dry-run
    assert_failure 3
    assert_regex "$stderr" '1 question of the run is no longer there'
}

@test "corrections: the same questions in another order, with others between, are the same benchmark" {
    begun 6 --max-tasks 2
    bench 8
    tac bench.jsonl >reversed && mv reversed bench.jsonl
    run --separate-stderr kv-check-compat -b bench.jsonl -c preset.json r.json.state
    assert_success
    assert_stdout '{"compatible":true,"reason":""}'
    run keep
    assert_success
    assert_equal "$(completed)" 6
}

@test "corrections: another global rubric is a change of the benchmark" {
    cp "$DATA/benchmarks/rubric.jsonld" bench.jsonl
    PROVIDER_URL=http://127.0.0.1:9 preset
    manifest
    jq '.rating[0].description = "other"' bench.jsonl >b && mv b bench.jsonl
    run --separate-stderr kv-run r.json.state
    assert_failure 3
    assert_regex "$stderr" 'the global rubric'
}

@test "corrections: a time limit that --if-absent lets be raised is used by the next run" {
    bench 2
    start_provider --answers answers.jsonl --latency 900
    preset '.request_timeout = 0.2 | .retry_policy.timeout.max_attempts = 0'
    manifest
    run keep
    assert_failure
    assert_equal "$(completed)" 0
    preset '.request_timeout = 20 | .retry_policy.timeout.max_attempts = 0'
    run manifest --if-absent
    assert_success
    assert_output ''
    run --separate-stderr kv-check-compat --exact -b bench.jsonl -c preset.json r.json.state
    assert_success
    run keep
    assert_success
    assert_equal "$(completed)" 2
}

@test "corrections: another temperature is not taken over by --if-absent" {
    begun 2 --max-tasks 1
    preset '.answering_models[0].temperature = 0.9'
    cp r.json.state before
    run manifest --if-absent
    assert_failure 1
    assert_output --partial 'answering_models[0].temperature: 0.0, given 0.9'
    cmp r.json.state before
}
