# kv-run: streamed answers, the limits of time, and what is kept of an answer that was cut off.
load ../helper
load ../quiz

teardown() {
    [ -z "${HUSH_PID:-}" ] || kill "$HUSH_PID" || true
    stop_provider
}

# ask N STEPS [JQ] - one answering model (m1) whose Nth question's answers are streamed by the steps;
# a preset with a budget of two timeouts and no wait, edited by a jq filter
ask() {
    jq -n --argjson steps "$2" --arg q "What is number $1?" \
        '{rules: [{when: {model: "m1", contains: $q}, do: {stream: $steps}}]}' >script.json
    bench 1
    serve script.json "${3:-.}"
}

serve() {
    start_provider --answers answers.jsonl --script "$1" --bodies bodies
    quiz_preset 1 '.retry_policy.timeout = {max_attempts: 2, backoff_min: 0.01, backoff_max: 0.01}
        | .retry_policy.server_error.max_attempts = 1 | '"$2"
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
}

# sent FILTER - what was sent, once the provider has written it all down
sent() {
    stop_provider
    jq -rs "$1" bodies
}

# told FILTER - of the only row
told() {
    jq -r "$1" rows
}

@test "an answer that stops half-way is kept after all attempts, marked, and judged" {
    ask 1 '[{"text":"It is 1. But"},{"wait_ms":10000,"text":"x"}]'
    kv-run --stream=always --idle 0.1 r.json.state >rows 2>err
    assert_equal "$(asked '.judge | not')" 3
    run told '[.template.raw_llm_response, .template.response_timeout_partial, .metadata.failure,
        .metadata.warnings, .metadata.caveats, .template.trace_messages, .template.usage_unavailable,
        .template.verify_result, (.template | has("abstention_check_performed")), .template.agent_metrics] | tojson'
    assert_output '["--- AI Message ---\nIt is 1. But",true,null,["Response truncated by streaming timeout after retries (12 chars captured)"],["partial_content","retries_used"],[],true,true,true,null]'
    kv-append r.json.state <rows >/dev/null
    assert_equal "$(completed)" 1
}

@test "of several attempts the longest is kept" {
    jq -n '{rules: [{n: 10}, {n: 30}, {n: 20}] | map({when: {model: "m1", first: 1},
        do: {stream: [{text: ("é" * .n)}, {wait_ms: 10000, text: "x"}]}})}' >script.json
    bench 1
    serve script.json .
    kv-run --stream=always --idle 0.1 r.json.state >rows 2>err
    run told '.metadata.warnings[0]'
    assert_output 'Response truncated by streaming timeout after retries (30 chars captured)'
}

@test "a server that only pings is waited for up to the limit, and leaves nothing" {
    ask 1 '[{"ping":true},{"wait_ms":100,"ping":true},{"wait_ms":100,"ping":true},{"wait_ms":100,"ping":true},{"wait_ms":10000,"ping":true}]' \
        '.retry_policy.timeout.max_attempts = 0'
    run --separate-stderr kv-run --stream=always --first-token 0.15 --total 0.5 r.json.state
    assert_failure
    assert_stdout ''
    [[ $stderr == *"timeout: not finished within 0.5 s"* ]]
}

@test "a server that does not begin is given up at the limit for that, and the text says so" {
    ask 1 '[{"wait_ms":20000,"ping":true}]' '.retry_policy.timeout.max_attempts = 0'
    run --separate-stderr kv-run -v --stream=always --first-token 0.15 --total 60 r.json.state
    assert_failure
    assert_stdout ''
    [[ $stderr == *"timeout: no answer began within 0.15 s"* ]]
}

@test "reasoning for longer than any limit but the whole one is waited for" {
    ask 1 '[{"think":"hmm hmm hmm hmm hmm hmm ","pieces":12,"every_ms":60},{"text":"It is 1."},{"finish":true},{"marker":true}]'
    kv-run --stream=always --first-token 0.3 --idle 0.3 --total 60 r.json.state >rows 2>err
    run told '[.template.raw_llm_response, .template.verify_result, .template.response_timeout_partial] | tojson'
    assert_output '["--- AI Message ---\nIt is 1.",true,false]'
    run told '.template.agent_metrics | .kv_attempts == 1 and .kv_first_token_seconds < 0.3 and .kv_tokens_per_second >= 0'
    assert_output true
}

@test "the whole limit ends steady text too, and a broken character is cut off" {
    ask 1 '[{"text":"It is 1 € 1 € 1 € 1 € 1 € 1 € 1 € 1 € 1 € 1 € 1 € 1 € 1 € 1 €","pieces":30,"every_ms":40}]' \
        '.retry_policy.timeout.max_attempts = 0'
    kv-run --stream=always --total 0.5 r.json.state >rows 2>err
    run told '[.template.response_timeout_partial, (.template.raw_llm_response | test("It is 1 €"))] | tojson'
    assert_output '[true,true]'
}

@test "an error after text is an error: nothing is kept but on request, and the reason is told" {
    ask 1 '[{"text":"It is 1."},{"error":{"type":"api_error","message":"lost my mind"}}]'
    run --separate-stderr kv-run --stream=always r.json.state
    assert_failure 1
    assert_stdout ''
    assert_equal "$(asked '.judge | not')" 2
    kv-run --stream=always --salvage=any r.json.state >rows 2>err
    run told '.metadata.warnings | join("; ")'
    assert_output 'Response truncated by streaming timeout after retries (8 chars captured); The answer was cut off: 200 server_error: api_error: lost my mind'
}

@test "a stream that ends before its finish is no answer, and is asked for again" {
    ask 1 '[{"text":"It is"}]'
    run --separate-stderr kv-run --stream=always r.json.state
    assert_failure 1
    assert_stdout ''
    assert_equal "$(asked '.judge | not')" 2
    [[ $stderr == *"bad_response: the stream broke off before its end"* ]]
}

@test "a judge that is cut off is asked again, and what it began is not read" {
    jq -n '{rules: [{when: {judge: true, first: 1},
        do: {stream: [{text: "{\"n\": 1"}, {wait_ms: 10000, text: "}"}]}}]}' >script.json
    bench 1
    serve script.json .
    kv-run --stream=always --idle 0.15 r.json.state >rows 2>err
    assert_equal "$(asked .judge)" 2
    run told '[.template.verify_result, .template.parsed_llm_response.n] | tojson'
    assert_output '[true,1]'
}

@test "an open think at the limit leaves nothing" {
    ask 1 '[{"text":"<think>"},{"text":"so many words"},{"wait_ms":10000,"text":"x"}]' '.retry_policy.timeout.max_attempts = 0'
    run --separate-stderr kv-run --stream=always --idle 0.1 r.json.state
    assert_failure 1
    assert_stdout ''
}

@test "a partial answer is not scored where the configuration forbids it" {
    ask 1 '[{"text":"It is 1."},{"wait_ms":10000,"text":"x"}]' '.allow_partial_trace_scoring = false'
    kv-run --stream=always --idle 0.1 r.json.state >rows 2>err
    run told '[.template.raw_llm_response, .template.verify_result, .metadata.failure, .template.response_timeout_partial] | tojson'
    assert_output '["--- AI Message ---\nIt is 1.",null,null,true]'
    assert_equal "$(asked .judge)" 0
}

@test "partial answers are taken up again on request, those only, and the new result takes their place" {
    jq -n '{rules: [{when: {model: "m1", contains: "What is number 2?", first: 1},
        do: {stream: [{text: "It is 2. And"}, {wait_ms: 10000, text: "."}]}}]}' >script.json
    bench 3
    serve script.json '.retry_policy.timeout.max_attempts = 0'
    kv-run --stream=always --idle 0.15 r.json.state 2>err | kv-append r.json.state >/dev/null
    assert_equal "$(jq '[.results[] | select(.template.response_timeout_partial)] | length' r.json.tmp)" 1
    run kv-run --retry-failed r.json.state
    assert_success
    assert_output ''
    kv-run --stream=always --retry-failed=partial r.json.state >rows 2>err
    run told '[.metadata.question_id, .template.raw_llm_response, .template.response_timeout_partial] | tojson'
    assert_output '["q2","--- AI Message ---\nIt is 2.",false]'
    kv-append r.json.state <rows >added
    assert_equal "$(wc -l <added)" 1
    kv-finalize r.json.state >/dev/null
    assert_equal "$(jq '[.results[] | select(.template.response_timeout_partial)] | length' r.json)" 0
}

@test "a stop in the middle of a stream keeps nothing, and the task stays pending" {
    ask 1 '[{"text":"It is"},{"wait_ms":30000,"text":" 1."}]'
    kv-run --stream=always --grace 0.2 r.json.state >rows 2>err 3>&- &
    local pid=$! status=0
    until [ -s "$JOURNAL" ]; do :; done
    kill -TERM "$pid"
    wait "$pid" || status=$?
    assert_equal "$status" 143
    run cat rows
    assert_output ''
    assert_equal "$(kv-status --json r.json.state | jq .progress.pending_count)" 1
}

@test "a server that does not know stream_options is asked without, and one that streams nothing not at all" {
    jq -n '{rules: [
        {when: {first: 1}, do: {status: 400, body: {error: {message: "Unrecognized request argument supplied: stream_options", type: "invalid_request_error", param: "stream_options"}}}},
        {when: {first: 1}, do: {status: 400, body: {error: {message: "Your organization must be verified to stream this model.", type: "invalid_request_error", param: "stream"}}}}]}' >script.json
    bench 3
    serve script.json '.async_max_workers = 1'
    kv-run --stream=always r.json.state >rows 2>err
    assert_equal "$(jq -s 'map(.template.verify_result) | all' rows)" true
    run sent 'map(select(.response_format | not)) | map([.stream, .stream_options.include_usage] | tojson) | join(" ")'
    assert_output '[true,true] [true,null] [null,null] [null,null] [null,null]'
}

@test "a call that a gateway cut off for its silence is streamed when it is made again" {
    jq -n '{rules: [{when: {model: "m1", first: 1}, do: {status: 504, body: "<html>gateway</html>"}}]}' >script.json
    bench 2
    serve script.json '.async_max_workers = 1'
    kv-run r.json.state >rows 2>err
    assert_equal "$(jq -s 'map(.template.verify_result) | all' rows)" true
    run sent 'map(select(.model == "m1")) | map(.stream) | tojson'
    assert_output '[null,true,true]'
    run cat err
    assert_output --partial 'a call was cut off while it was silent; its calls are streamed from now on'
}

@test "a server that says that streaming is required gets it" {
    jq -n '{rules: [{when: {model: "m1", first: 1}, do: {status: 400, body: {error: {type: "invalid_request_error",
        message: "Streaming is required for operations that may take longer than 10 minutes."}}}}]}' >script.json
    bench 1
    serve script.json .
    kv-run r.json.state >rows 2>err
    run sent 'map(select(.model == "m1")) | map(.stream) | tojson'
    assert_output '[null,true]'
}

@test "long calls are streamed unless that is forbidden, short ones are not unless it is asked for" {
    local kwargs want
    while IFS='|' read -r edit option want; do
        bench 1
        rm -rf r.json*
        start_provider --answers answers.jsonl --bodies bodies
        quiz_preset 1 "$edit"
        kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
        # shellcheck disable=SC2086 # an option or none
        kv-run $option r.json.state >rows 2>err
        assert_equal "$edit $option $(sent 'map(select(.model == "m1"))[0] | .stream')" "$edit $option $want"
    done <<'CASES'
.||null
.|--stream=always|true
.|--stream|true
.answering_models[0].request_timeout = 300||true
.answering_models[0].request_timeout = 300|--stream=never|null
.|--total 10m|true
.answering_models[0].extra_kwargs = {"reasoning_effort":"high"}||true
.answering_models[0].extra_kwargs = {"reasoning_effort":"low"}||null
.answering_models[0].extra_kwargs = {"streaming":true}|--stream=never|true
.answering_models[0].extra_kwargs = {"streaming":false}|--stream=always|null
CASES
}

# T25; what they take of a processor once they are under way: tests/bench/streams
@test "two hundred streams at once are read without work to speak of" {
    bench 200
    start_provider --answers answers.jsonl --token-ms 50
    jq -c '.answer = "It is " + .answer[6:-1] + " " + ("words and words " * 16)' answers.jsonl >long.jsonl
    stop_provider
    start_provider --answers long.jsonl --token-ms 50
    quiz_preset 1 '.async_max_workers = 200 | .evaluation_mode = "template_only"'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    local begin end
    begin=$(date +%s%N)
    command time -f '%U %S %M' -o used kv-run --stream=always r.json.state >rows 2>err
    end=$(date +%s%N)
    assert_equal "$(wc -l <rows)" 200
    # 4,000 events a second for a second: with all the rest of a run under a fifth of a core
    run awk -v wall=$(((end - begin) / 1000000)) '{ print ($1 + $2) * 1000 / wall < 0.5, $3 < 60000 }' used
    assert_output '1 1'
}

@test "streams that are well under way wake kv-run ten times a second, not once a word" {
    bench 20
    jq -n '{rules: [{when: {model: "m1"}, do: {stream: [{text: "It is"}, {wait_ms: 600, text: " 1,"},
        {text: ([range(2000) | " word"] | add), pieces: 2000, every_ms: 2}, {finish: true}, {marker: true}]}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
    quiz_preset 1 '.async_max_workers = 20 | .evaluation_mode = "template_only"'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    command time -f '%e %w' -o used kv-run --stream=always r.json.state >rows 2>err
    assert_equal "$(wc -l <rows)" 20
    # 40,000 words; a look each 20 ms for a second and a half, then each 100 ms; the beginnings, and the
    # calls of the judge
    run awk '{ print ($2 < 20 * $1 + 350) }' used
    assert_output 1
    run jq -s 'map(.template.agent_metrics | .kv_first_token_seconds >= 0 and .kv_tokens_per_second > 0) | all' rows
    assert_output true
}

# behind_hush SECONDS [JQ] - a proxy in front of the provider that cuts what is silent for so long,
# and a run whose preset has its address
behind_hush() {
    local line
    [ -p hush ] || mkfifo hush
    python3 "$ROOT/tests/peer/hush.py" "$PROVIDER_PORT" "$1" >hush </dev/null 3>&- &
    HUSH_PID=$!
    read -r line <hush
    PROVIDER_URL=http://127.0.0.1:$(json .port <<<"$line")
    quiz_preset 1 "${2:-.}"
    rm -f r.json*
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
}

@test "a long answer of few words arrives whole through a proxy that cuts silence, if it is streamed" {
    # 30 tokens, one each 60 ms, past a proxy that allows 240 ms of silence
    ask 1 '[{"text":"It is 1. And so it goes, word for word, on and on.","pieces":30,"every_ms":60},{"finish":true},{"marker":true}]'
    behind_hush 0.24
    kv-run --stream=always r.json.state >rows 2>err
    run told '[.template.raw_llm_response, .template.response_timeout_partial, .template.agent_metrics.kv_attempts] | tojson'
    assert_output '["--- AI Message ---\nIt is 1. And so it goes, word for word, on and on.",false,1]'
    stop_provider
    start_provider --answers answers.jsonl --latency 1800
    kill "$HUSH_PID"
    behind_hush 0.24 '.retry_policy.connection.max_attempts = 0'
    run --separate-stderr kv-run --stream=never r.json.state
    assert_failure
    assert_stdout ''
}

@test "streams: a word that --salvage does not know is told before anything is looked at" {
    run --separate-stderr kv-run --salvage=some --wait 60 nothing.state
    assert_failure 2
    assert_stderr "kv-run: --salvage: expected timeout, any, not 'some' (try 'kv-run --help')"
}
