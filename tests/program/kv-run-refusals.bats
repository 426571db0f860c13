# What kv-run does with refusals: a task is recorded as failed only for what its model did.
load ../helper
load ../quiz

setup() {
    kv_setup
    export OPENAI_API_KEY=sk-canary-Zq7wX31vLmT9
}

# script WHEN DO - a provider that obeys one rule
script() {
    jq -nc --argjson when "$1" --argjson do "$2" '{rules:[{when:$when,do:$do}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
}

failed() {
    kv-status --json r.json.state | jq .failed_count
}

# mended - the provider comes back on another port and refuses nothing
mended() {
    stop_provider
    rm "$JOURNAL"
    start_provider --answers answers.jsonl
    jq -c --arg url "$PROVIDER_URL/v1" '.config.answering_models[].endpoint_base_url = $url
        | .config.parsing_models[].endpoint_base_url = $url' r.json.state >moved
    mv moved r.json.state
}

@test "refusals: one question that a firewall, a window or a credit refuses is named, and the others are asked" {
    bench 12
    while read -r code body; do
        rm -f r.json* .r.json* "${JOURNAL:-}"
        script '{"judge":false,"contains":"number 3?"}' "{\"status\":$code,\"body\":$body}"
        preset
        manifest
        run keep
        assert_failure 5
        assert_equal "$(completed)" 11
        assert_equal "$(failed)" 0
        assert_regex "$(<err)" "^kv-run: q3: no answer from openai_endpoint:m1 \(a1\): $code "
        mended
        run keep
        assert_success
        assert_equal "$(asked '.judge | not')" 1
        stop_provider
    done <<'END'
400 {"error":{"message":"This model's maximum context length is 8192 tokens","code":"context_length_exceeded"}}
400 {"error":{"message":"invalid value"}}
402 {"error":{"code":402,"message":"This request requires more credits, or fewer max_tokens. You requested up to 16384 tokens, but can only afford 5000."}}
403 "<html><title>Attention Required!</title></html>"
404 {"error":{"message":"no such thing"}}
END
}

@test "refusals: a server that refuses every request is left after a few, and no question has failed for it" {
    local part when
    for part in 'answering false' 'judging true'; do
        when=${part#* }
        for after in 0 10; do
            rm -f r.json* .r.json* "${JOURNAL:-}"
            bench 40
            script "{\"judge\":$when,\"after\":$after}" \
                '{"status":400,"body":{"error":{"message":"Unknown parameter: top_p for this deployment"}}}'
            preset
            manifest
            run keep
            assert_failure 5
            assert_equal "$(grep -c 'stopped: .*Unknown parameter.*; 5 requests in a row were refused' err)" 1
            assert [ "$(asked '.status == 400')" -le 13 ] # five, and what was in flight
            assert_equal "$(failed)" 0
            mended
            run keep
            assert_success
            assert_equal "$(completed)" 40
            assert_equal "$(failed)" 0
            stop_provider
        done
    done
}

@test "refusals: a budget that ends in mid-run stops the run at once, whatever status it comes under" {
    while read -r code body; do
        for judge in false true; do
            rm -f r.json* .r.json* "${JOURNAL:-}"
            bench 30
            script "{\"judge\":$judge,\"after\":10}" "{\"status\":$code,\"body\":$body}"
            preset
            manifest
            run keep
            assert_failure 5
            assert_regex "$(<err)" '^kv-run: stopped: .*quota: '
            assert_equal "$(wc -l <err)" 1
            assert_equal "$(failed)" 0
            stop_provider
        done
    done <<'END'
400 {"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}}
400 {"error":{"message":"Budget has been exceeded! Current cost: 1.0, Max budget: 1.0","type":"budget_exceeded","param":null,"code":"400"}}
403 {"error":{"message":"Insufficient credits. Add more to go on."}}
END
}

@test "refusals: a window smaller than max_tokens refuses every question, and none is recorded as failed" {
    bench 20
    script '{}' '{"status":400,"body":{"object":"error","message":"This model'"'"'s maximum context length is 8192 tokens. However, you requested 16404 tokens.","type":"BadRequestError","code":400}}'
    preset
    manifest
    run keep
    assert_failure 5
    assert_equal "$(completed)" 0
}

@test "refusals: an answer that a filter blocks is a result of its question" {
    bench 3
    script '{"judge":false,"contains":"number 2?"}' \
        '{"status":400,"body":{"error":{"message":"The response was filtered","code":"content_filter"}}}'
    preset
    manifest
    run keep
    assert_success
    assert_equal "$(completed)" 3
    assert_equal "$(failed)" 1
}

@test "refusals: a command that cannot be started stops the run and fails no task" {
    local option
    seq 50 | sed 's/.*/"&"/' >tasks
    kv-manifest --tasks tasks -o r.json >/dev/null
    run keep --exec ./no-such-command
    assert_failure 5
    assert_regex "$(<err)" 'kv-run: stopped: ./no-such-command: exit status 127'
    assert_equal "$(completed)" 0
    bench 20
    start_provider --answers answers.jsonl
    preset
    touch not-executable
    for option in --answer-cmd --judge-cmd; do
        rm -f r.json* .r.json*
        manifest
        run keep "$option" ./not-executable
        assert_failure 5
        assert_regex "$(<err)" 'exit status 126'
        assert_equal "$(completed)" 0
    done
}

@test "refusals: a command that ends with 75 or 255, or by a signal, leaves its task pending" {
    local end
    for end in 'exit 75' 'exit 255' 'kill -9 $$'; do
        rm -f r.json* .r.json*
        printf '"a"\n"b"\n"c"\n' >tasks
        kv-manifest --tasks tasks -o r.json >/dev/null
        run keep --exec "grep -q '\"b\"' && $end; echo {}"
        assert_failure 1
        assert_equal "$(completed)" 2
        assert_regex "$(<err)" 'kv-run: b: not done: '
    done
    rm -f r.json* .r.json*
    kv-manifest --tasks tasks -o r.json >/dev/null
    run keep --exec "grep -q '\"b\"' && exit 3; echo {}"
    assert_success
    assert_equal "$(failed)" 1
}

@test "refusals: ten commands in a row that were not done end the run with 5, each after a longer rest" {
    seq 20 | sed 's/.*/"t&"/' >tasks
    kv-manifest --tasks tasks -o r.json >/dev/null
    run keep -j 10 --exec 'exit 75'
    assert_failure 5
    assert_regex "$(<err)" 'kv-run: stopped: exit 75: exit status 75; 10 commands in a row were not done'
    assert_equal "$(completed)" 0
    rm -f r.json* .r.json*
    kv-manifest --tasks tasks -o r.json >/dev/null
    run keep -j 1 --time-limit 2.5 --exec 'exit 75'
    assert_failure 1
    assert_equal "$(grep -c 'not done: ' err)" 2 # at 0 and 1 s, and then at 3
}

@test "refusals: a command's result that names another task fails its own task" {
    printf '"a"\n"b"\n' >tasks
    kv-manifest --tasks tasks -o r.json >/dev/null
    run keep --exec 'cat >/dev/null; echo "{\"task_id\":\"b\",\"n\":1}"'
    assert_success
    assert_equal "$(jq -r 'select(.failure) | .task_id + ": " + .failure.reason' rows)" \
        "a: the command's result is of another task: \"b\""
    assert_equal "$(jq -c 'select(.n)' rows)" '{"task_id":"b","n":1}'
    assert_equal "$(completed)" 2
}

@test "refusals: the budget of a rate limit is the budget, 0 included, and its task stays pending" {
    local budget
    for budget in 0 2; do
        rm -f r.json* .r.json* "${JOURNAL:-}"
        bench 1
        script '{}' '{"status":429,"headers":{"Retry-After":"0.05"},"body":{"error":{"message":"slow down","code":"rate_limit_exceeded"}}}'
        preset ".retry_policy.rate_limit.max_attempts = $budget"
        manifest
        run keep
        assert_failure 1
        assert_regex "$(<err)" '^kv-run: q1: no answer from openai_endpoint:m1 \(a1\): 429 rate_limit: '
        assert_equal "$(asked true)" $((budget + 1))
        assert_equal "$(completed)" 0
        stop_provider
    done
}

@test "refusals: a server that throttles every request, or always fails, is left after five calls" {
    local reply
    for reply in '{"status":429,"headers":{"Retry-After":"0.01"},"body":{"error":{"message":"slow down"}}}' \
        '{"status":500,"body":"oops"}' '{"body":{"choices":[]}}'; do
        rm -f r.json* .r.json* "${JOURNAL:-}"
        bench 60
        script '{}' "$reply"
        preset '.retry_policy.rate_limit.max_attempts = 1'
        manifest
        run keep
        assert_failure 5
        assert [ "$(asked true)" -le 48 ] # five calls, their retries, and what was in flight
        assert_equal "$(completed)" 0
        stop_provider
    done
}

@test "refusals: --max-tasks 1 with three judges does one task, and the next run asks no second answer" {
    bench 4
    start_provider --answers answers.jsonl
    preset '.parsing_models += [.parsing_models[0] | .id = ("k", "l")]'
    manifest
    run keep --max-tasks 1
    assert_failure 1
    assert_equal "$(completed)" 1
    run keep --max-tasks 4
    assert_equal "$(completed)" 5
    run keep
    assert_success
    assert_equal "$(completed)" 12
    assert_equal "$(asked '.judge | not')" 4
    rm -f r.json* .r.json*
    manifest
    run keep --max-tasks 2 --exec 'cat >/dev/null; echo {}'
    assert_failure 1
    assert_equal "$(completed)" 2
    run keep --exec 'cat >/dev/null; echo {}'
    assert_success
    assert_equal "$(completed)" 12
}

# loop - the loop of kv-status(1), without its pause; its last status in $ended, its turns in $turns
loop() {
    turns=0
    set -o pipefail
    until kv-status -q r.json.state; do
        ended=0
        turns=$((turns + 1))
        kv-run --give-up 3 r.json.state 2>>err | kv-append -q r.json.state || ended=$?
        [ $ended -le 1 ] || break
        [ $turns -lt 9 ] || break
    done
    set +o pipefail
}

@test "refusals: a loop with --give-up ends: a question that is always refused is a failure in the end" {
    bench 8
    script '{"judge":false,"contains":"number 3?"}' '{"status":403,"body":"<html>no</html>"}'
    preset
    manifest
    loop
    assert_equal "$ended $turns" '0 3'
    assert_equal "$(completed) $(failed)" '8 1'
    assert_equal "$(asked '.status == 403')" 3
    run jq -c '.results[] | select(.metadata.failure) | [.metadata.question_id, .metadata.failure.category]' r.json.tmp
    assert_output '["q3","unexpected_error"]'
    kv-finalize r.json >/dev/null
    run ls -A
    refute_line .r.json.tries
}

@test "refusals: a judge that cannot be had for one answer is given up too, and its category says why" {
    bench 4
    script '{"judge":true,"contains":"number 2?"}' '{"status":500,"body":"oops"}'
    preset
    manifest
    loop
    assert_equal "$ended" 0
    assert_equal "$(completed) $(failed)" '4 1'
    run jq -r '.results[] | select(.metadata.failure) | .metadata.failure | .category + " " + .stage + ": " + .reason' r.json.tmp
    assert_line 'unexpected_error ParseTemplate: given up: the judge could not be heard in several tries'
    assert_equal "$(asked '.judge | not')" 4
}

@test "refusals: a loop ends at once when the key is refused, and asks little" {
    bench 20
    start_provider --key another --answers answers.jsonl
    preset
    manifest
    loop
    assert_equal "$ended $turns" '5 1'
    assert [ "$(asked true)" -le 16 ]
}

@test "refusals: questions that were refused before come last, so that they do not stop the others" {
    bench 20
    # The first seven are refused: five of them in a row stop the run.
    jq -nc '{rules: [{when: {judge: false, contains: ("number " + (range(1; 8) | tostring) + "?")},
        do: {status: 400, body: {error: {message: "no"}}}}]}' | jq -sc '{rules: map(.rules[])}' >script.json
    start_provider --answers answers.jsonl --script script.json
    preset '.task_ordering = "generation_order" | .async_max_workers = 1'
    manifest
    run keep --give-up 4
    assert_failure 5
    assert_equal "$(completed)" 0
    run keep --give-up 4
    assert_equal "$(completed)" 13
}

@test "refusals: a command whose machine fails is given up as well" {
    printf '"a"\n"b"\n' >tasks
    kv-manifest --tasks tasks -o r.json >/dev/null
    for _ in 1 2; do
        run keep --give-up 3 --exec 'exit 75'
        assert_failure 1
        assert_equal "$(completed)" 0
    done
    run keep --give-up 3 --exec 'exit 75'
    assert_success
    assert_equal "$(completed) $(failed)" '2 2'
}
