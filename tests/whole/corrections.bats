# What is corrected while a run lasts, or after it: questions, settings, ground truths, templates.
load ../helper
load ../quiz

setup() {
    kv_setup
    export OPENAI_API_KEY=sk-canary-Zq7wX31vLmT9
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
    run --separate-stderr kv-run --retry-failed --dry-run new.json.state
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

# truth N GROUND_TRUTH - another ground truth for question N
truth() {
    sed -i "$1s/\"ground_truth\":[0-9]*/\"ground_truth\":$2/" bench.jsonl
}

# verdicts FILE - "q1 true" a row, in the order of the questions
verdicts() {
    jq -r '.results[] | .metadata.question_id + " " + (.template.verify_result | tostring)
        + " " + (.metadata.failure.category // "-")' "$1" | sort -u
}

@test "corrections: a corrected ground truth changes verdicts both ways, in a run and in a finished export" {
    local file counts
    bench 4
    truth 2 99
    truth 3 98
    start_provider --answers answers.jsonl
    preset
    manifest
    run keep
    assert_success
    cp r.json.state run.json.state
    cp r.json.tmp run.json.tmp
    kv-finalize r.json >/dev/null
    truth 2 2  # was wrong, is right
    truth 4 97 # was right, is wrong
    for file in run.json.tmp r.json; do
        counts=.metadata.job_summary
        jq -c '.results[]' "$file" | kv-rejudge -b bench.jsonl >judged
        run --separate-stderr kv-append --replace "${file%.tmp}" <judged
        assert_success
        assert_stderr ''
        assert_equal "${#lines[@]}" $([ "$file" = r.json ] && echo 4 || echo 2)
        [ "$file" = r.json ] || kv-finalize run.json >/dev/null
        file=${file%.tmp}
        run verdicts "$file"
        assert_output $'q1 true -\nq2 true -\nq3 false content\nq4 false content'
        run jq -c "[$counts.successful_count, $counts.failed_count, (.results | length),
            (.results[] | select(.metadata.question_id == \"q2\") | .template.parsed_gt_response.n)]" "$file"
        assert_output '[2,2,4,2]'
    done
    run --separate-stderr kv-check-compat -b bench.jsonl -c preset.json r.json
    assert_success
}

@test "corrections: without --replace a good result stays; with it the same row again changes nothing" {
    begun 2
    truth 1 99
    jq -c '.results[]' r.json.tmp | kv-rejudge -b bench.jsonl >judged
    wrong() {
        kv-status --json r.json.state | jq .wrong_count
    }
    kv-append -q r.json.state <judged
    assert_equal "$(wrong)" 0
    kv-append -q --replace r.json.state <judged
    assert_equal "$(wrong)" 1
    cp r.json.tmp before
    kv-append -q --replace r.json.state <judged
    cmp r.json.tmp before
}

@test "corrections: a finished export takes no row of another task, and stays whole" {
    bench 2
    start_provider --answers answers.jsonl
    preset
    manifest
    run keep
    kv-finalize r.json >/dev/null
    cp r.json before
    jq -c '.results[] | .metadata.question_id = "q9"' r.json >strange
    run --separate-stderr kv-append --replace r.json strange
    assert_failure 3
    assert_regex "$stderr" "strange:1: 'q9.*' is no task of the finished run"
    cmp r.json before
}

@test "corrections: kv-rejudge says that a field which was not read needs the judge" {
    begun 1
    sed -i 's/"name":"n"/"name":"m"/' bench.jsonl
    run --separate-stderr bash -c "jq -c '.results[]' r.json.tmp | kv-rejudge -b bench.jsonl"
    assert_failure 3
    assert_regex "$stderr" "the field 'm' was not read from this answer: its judge has to be asked again"
}

@test "corrections: --extend-from keeps no verdict of a template that has changed" {
    bench 4
    start_provider --answers answers.jsonl
    preset
    manifest
    run keep
    kv-finalize r.json >/dev/null
    truth 1 99                                # judged again, without a call
    sed -i '2s/"name":"n"/"name":"m"/' bench.jsonl # its judge is asked again
    sed -i '3s/What is number 3?/What is number 4?/' bench.jsonl # asked again
    run --separate-stderr kv-manifest -b bench.jsonl -c preset.json -o new.json --extend-from r.json
    assert_success
    assert_equal "$stderr" "kv-manifest: bench.jsonl: r.json: 1 result judged again by the template as it is now
kv-manifest: bench.jsonl: r.json: 1 result to be judged again by the judge, whose template asks for more now
kv-manifest: bench.jsonl: r.json: 1 result left out: the question says something else now"
    assert_equal "$(json -c '[.completed_count, .total_tasks]' <<<"$output")" '[2,4]'
    run bash -c 'set -o pipefail; kv-run new.json.state | kv-append -q new.json.state'
    assert_success
    assert_equal "$(asked '.judge | not')" 5
    kv-finalize new.json >/dev/null
    run verdicts new.json
    assert_line 'q1 false content'
    assert_line 'q4 true -'
}
