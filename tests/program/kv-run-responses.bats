# kv-run: models behind OpenAI's Responses, and what requests for models that reason are healed by.
load ../helper
load ../quiz

# openai MODEL RULES [KWARGS] - one answering model of OpenAI's, at the bundled provider, which follows
# the rules; the judge is another server's
openai() {
    bench 2
    jq -n --argjson r "$2" '{rules: $r}' >script.json
    start_provider --answers answers.jsonl --script script.json --bodies bodies
    export OPENAI_BASE_URL=$PROVIDER_URL/v1 OPENAI_API_KEY=sk-test-0123456789
    quiz_preset 1 '.async_max_workers = 1 | .answering_models[0] = {id: "a1", interface: "langchain",
        model_provider: "openai", model_name: "'"$1"'", system_prompt: "Be brief.", temperature: 0,
        extra_kwargs: '"${3:-null}"'}'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
}

# sent FILTER - of the requests to the answering model, once the provider has written them down
sent() {
    stop_provider
    # Numbers as values: jq 1.7 keeps how one was spelled.
    jq -rs --arg m "$MODEL" 'map(select(.model == $m))
        | walk(if type == "number" then . + 0 else . end) | '"$1" bodies
}

refusal() {
    jq -cn --arg m "$1" --arg p "${2:-}" '{status: 400, body: {error: {message: $m, type: "invalid_request_error",
        param: (if $p == "" then null else $p end), code: null}}}'
}

@test "a model that lives behind Responses only is asked there, and nothing is left with the service" {
    MODEL=gpt-5-codex
    openai $MODEL '[]' '{"reasoning_effort":"low","stop":["x"]}'
    run --separate-stderr kv-run r.json.state
    assert_success
    assert_equal "$(jq -s 'map(.template.verify_result) | all' <<<"$output")" true
    assert_equal "$(jq -s '[.[].template.usage_metadata.answer_generation.output_tokens > 0] | all' <<<"$output")" true
    assert_equal "$(grep -c 'without stop, which the Responses interface does not have' <<<"$stderr")" 1
    assert_equal "$(jq -r 'select(.judge | not) | .path' "$JOURNAL" | sort -u)" /v1/responses
    run sent '.[0] | [.store, .instructions, .reasoning.effort, .temperature, has("stop")] | tojson'
    assert_output '[false,"Be brief.","low",null,false]'
}

@test "the rows say how the request differed from what is configured" {
    MODEL=gpt-5-codex
    openai $MODEL '[]' '{"stop":["x"]}'
    kv-run r.json.state >rows 2>err
    run jq -r '.metadata.warnings[]' rows
    assert_line 'Answer asked for otherwise than configured: without stop, which the Responses interface does not have'
    assert_line 'Answer without the temperature configured, which the server does not take'
    kv-append -q r.json.state <rows
    assert_equal "$(kv-status --json r.json.state | jq .altered_request_count)" "$(grep -c '' rows)"
}

@test "a temperature that is refused is left out, then and later" {
    MODEL=gpt-5.1
    openai $MODEL "[{\"when\":{\"model\":\"gpt-5.1\",\"first\":1},\"do\":$(refusal "Unsupported parameter: 'temperature' is not supported with this model." temperature)}]"
    kv-run r.json.state >rows 2>err
    run sent 'map(.temperature) | tojson'
    assert_output '[0,null,null]'
}

@test "an effort the model does not know becomes the nearest one, which everybody is told" {
    MODEL=gpt-5
    openai $MODEL "[{\"when\":{\"model\":\"gpt-5\",\"first\":1},\"do\":$(refusal "Unsupported value: 'xhigh' is not supported with the 'gpt-5' model. Supported values are: 'low', 'medium', and 'high'." reasoning_effort)}]" \
        '{"reasoning_effort":"xhigh"}'
    kv-run --stream=never r.json.state >rows 2>err
    run cat err
    assert_output --partial 'reasoning effort "high" instead of "xhigh"'
    run jq -r '.metadata.warnings[]' rows
    assert_line 'Answer asked for otherwise than configured: reasoning effort "high" instead of "xhigh"'
    run sent 'map(.reasoning_effort) | tojson'
    assert_output '["xhigh","high","high"]'
}

@test "a summary that needs a verified organisation is not asked for again" {
    MODEL=gpt-5
    openai $MODEL "[{\"when\":{\"model\":\"gpt-5\",\"first\":1},\"do\":$(refusal "Your organization must be verified to generate reasoning summaries." reasoning.summary)}]" \
        '{"reasoning":{"effort":"low","summary":"auto"}}'
    kv-run r.json.state >rows 2>err
    run sent 'map(.reasoning) | tojson'
    assert_output '[{"effort":"low","summary":"auto"},{"effort":"low"},{"effort":"low"}]'
}

@test "a model that chat sends to Responses goes there, and one that Responses does not have comes back" {
    MODEL=gpt-6
    openai $MODEL "[{\"when\":{\"path\":\"chat\",\"model\":\"gpt-6\"},\"do\":{\"status\":404,\"body\":{\"error\":{\"message\":\"This model is only supported in v1/responses and not in v1/chat/completions.\",\"type\":\"invalid_request_error\"}}}}]"
    run --separate-stderr kv-run r.json.state
    assert_success
    run jq -r 'select(.judge | not) | .path' "$JOURNAL"
    assert_output $'/v1/chat/completions\n/v1/responses\n/v1/responses'
    stop_provider
    rm -rf r.json* journal.jsonl
    MODEL=gpt-5-codex
    openai $MODEL '[{"when":{"path":"/responses"},"do":{"status":404,"body":{"error":{"message":"Not Found"}}}}]'
    run --separate-stderr kv-run r.json.state
    assert_success
    run jq -r 'select(.judge | not) | .path' "$JOURNAL"
    assert_output $'/v1/responses\n/v1/chat/completions\n/v1/chat/completions'
}

@test "Responses are streamed too, and judges get their objects from them" {
    bench 2
    start_provider --answers answers.jsonl
    export OPENAI_BASE_URL=$PROVIDER_URL/v1 OPENAI_API_KEY=sk-test-0123456789
    quiz_preset 1 '(.answering_models, .parsing_models) |= map({id, interface: "langchain", model_provider: "openai",
        model_name: "gpt-5-codex", extra_kwargs: {use_responses_api: true}})'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    kv-run --stream=always r.json.state >rows 2>err
    run jq -s 'map(.template.verify_result and .template.agent_metrics.kv_attempts == 1) | all' rows
    assert_output true
    assert_equal "$(jq -r .path "$JOURNAL" | sort -u)" /v1/responses
}

# background [LATENCY] [RULES] - one question for a model whose answers take so long that they are
# ordered and fetched
background() {
    MODEL=gpt-5-pro
    bench 1
    jq -n --argjson r "${2:-[]}" '{rules: ([{when: {model: "gpt-5-pro"}, do: {latency_ms: '"${1:-300}"'}}] + $r)}' >script.json
    start_provider --answers answers.jsonl --script script.json --bodies bodies
    export OPENAI_BASE_URL=$PROVIDER_URL/v1 OPENAI_API_KEY=sk-test-0123456789
    quiz_preset 1 '.answering_models[0] = {id: "a1", interface: "langchain", model_provider: "openai", model_name: "gpt-5-pro"}'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
}

orders() {
    jq -s 'map(select(.path == "/v1/responses")) | length' "$JOURNAL"
}

@test "an answer that takes long is ordered, looked after, and fetched" {
    background 600
    kv-run r.json.state >rows 2>err
    assert_equal "$(jq -c '[.template.raw_llm_response, .template.verify_result]' rows)" '["--- AI Message ---\nIt is 1.",true]'
    assert_equal "$(orders)" 1
    assert [ "$(jq -s 'map(select(.path | startswith("/v1/responses/"))) | length' "$JOURNAL")" -ge 2 ]
    run ls
    refute_output --partial batches
    run sent 'map([.background, .store]) | tojson'
    assert_output '[[true,true]]'
}

@test "a run that is killed while its answer is worked on fetches it, and does not order it twice" {
    background 2500
    kv-run r.json.state >rows 2>err 3>&- &
    local pid=$!
    until [ -s r.json.batches ] || ! kill -0 "$pid"; do :; done
    kill -9 "$pid"
    wait "$pid" || true
    assert_equal "$(jq -s '[.[0].event, .[1].event, (.[1].response | test("^resp_")), (.[1].id | test("^kv1-[0-9a-f]{40}$"))]' -c r.json.batches)" '["begin","call",true,true]'
    kv-run r.json.state >rows 2>err
    assert_equal "$(jq -c '[.template.raw_llm_response, .template.verify_result]' rows)" '["--- AI Message ---\nIt is 1.",true]'
    assert_equal "$(orders)" 1
    run ls
    refute_output --partial batches
}

@test "an ordered answer that the service has forgotten is ordered again" {
    background 300 '[{"when":{"path":"/responses/","first":1},"do":{"status":404}}]'
    kv-run r.json.state >rows 2>err
    assert_equal "$(jq .template.verify_result rows)" true
    assert_equal "$(orders)" 2
}

@test "a stop while an answer is worked on ends at once, cancels nothing, and remembers the order" {
    background 60000
    kv-run r.json.state >rows 2>err 3>&- &
    local pid=$! status=0 begin
    until [ -s r.json.batches ] || ! kill -0 "$pid"; do :; done
    begin=$(date +%s%N)
    kill -TERM "$pid"
    wait "$pid" || status=$?
    assert_equal "$status" 143
    assert [ $(($(date +%s%N) - begin)) -lt 2000000000 ]
    assert_equal "$(jq -s 'map(.event)' -c r.json.batches)" '["begin","call"]'
    run jq -r .path "$JOURNAL"
    refute_output --partial cancel
}
