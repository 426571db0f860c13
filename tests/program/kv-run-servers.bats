# kv-run and where its models are: other hosts, sockets, proxies, gateways, Google.
load ../helper
load ../quiz

setup() {
    kv_setup
    export OPENAI_API_KEY=sk-canary-Zq7wX31vLmT9
}

# prepare [JQ] - a benchmark of two questions and a preset with one answering model, in a pair
prepare() {
    bench 2
    quiz_preset 1 "${1:-.}"
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
}

@test "run: a server that came up on another host is asked there, the run stays the same" {
    bench 2
    start_provider --answers answers.jsonl
    prepare '(.answering_models[0], .parsing_models[0]).endpoint_base_url = "http://127.0.0.1:9/v1"'
    run kv-run --endpoint nobody=http://127.0.0.1:9 r.json.state
    assert_failure 2
    assert_output "kv-run: --endpoint: the configuration has no model 'nobody' (try 'kv-run --help')"
    run kv-run --endpoint "a1=$PROVIDER_URL" --endpoint "judge=$PROVIDER_URL/v1" r.json.state
    assert_success
    assert_equal "$(jq -r .template.usage_metadata.answer_generation.kv_endpoint <<<"${lines[0]}")" "$PROVIDER_URL"
    assert_equal "$(jq -r .template.usage_metadata.parsing.kv_endpoint <<<"${lines[0]}")" "$PROVIDER_URL/v1"
    kv-append -q r.json.state <<<"$output"
    assert_equal "$(completed)" 2
}

@test "run: --wait waits for a server that is loading, and says so once" {
    echo '{"rules":[]}' >script.json
    mkfifo starting
    local port
    port=$(shuf -i 20000-32000 -n 1)
    PROVIDER_URL=http://127.0.0.1:$port
    bench 1
    prepare
    (
        read -r _ <starting
        exec "$KV_TBIN/provider" --port "$port" --answers answers.jsonl --max-seconds 60 >/dev/null
    ) 3>&- &
    PROVIDER_PID=$!
    run --separate-stderr bash -c "kv-run --wait 20s r.json.state 2> >(tee err >&2) | tee rows & sleep 0.1
        timeout 10 sh -c 'until grep -q waiting err; do sleep 0.05; done'; echo go >starting; wait %1"
    assert_success
    assert_equal "$(wc -l <rows)" 2
    assert_regex "$(cat err)" "^kv-run: waiting for 127.0.0.1:$port: "
    assert_equal "$(wc -l <err)" 1
}

@test "run: --wait ends with status 5 and what was heard" {
    start_provider
    local url=$PROVIDER_URL
    prepare
    stop_provider
    run --separate-stderr kv-run --wait 1s r.json.state
    assert_failure 5
    assert_regex "$stderr" "kv-run: ${url#http://} is not there: .*(refused|connect)"
}

@test "run: a host that is not there is asked as often at -j 64 as at -j 1, and then given up" {
    PROVIDER_URL=http://127.0.0.1:9
    bench 20
    quiz_preset 1 '.retry_policy.connection =
        {max_attempts: 3, backoff_min: 0.05, backoff_max: 0.2, backoff_multiplier: 2}'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    local jobs
    for jobs in 1 64; do
        run --separate-stderr kv-run -v -j "$jobs" r.json.state
        assert_failure 5
        # four times in all: by one call, or by the first four and one of them three times more
        assert_equal "$(grep -c 'asking again' <<<"$stderr")" $((jobs == 1 ? 3 : 6))
    done
}

@test "run: a server behind a unix socket is asked through it, by URL or by path" {
    bench 2
    "$KV_TBIN/provider" --unix "$PWD/llm.sock" --answers answers.jsonl --max-seconds 60 >ready 2>/dev/null 3>&- &
    PROVIDER_PID=$!
    timeout 10 sh -c 'until [ -S llm.sock ]; do sleep 0.02; done'
    exec 9</dev/null
    PROVIDER_URL=http://unused.invalid
    prepare '.answering_models[0].endpoint_base_url = "http+unix://" + (env.PWD | gsub("/"; "%2F")) + "%2Fllm.sock/v1"
        | .parsing_models[0].extra_kwargs = {endpoint_unix_socket: (env.PWD + "/llm.sock")}'
    run --separate-stderr kv-run r.json.state
    assert_success
    assert_equal "${#lines[@]}" 2
}

@test "run: headers and parameters of a preset are sent, their secrets by name only" {
    bench 1
    start_provider --answers answers.jsonl --note-header x-gateway
    prepare '.answering_models[0].extra_kwargs = {default_headers: {"x-gateway": "route ${KV_GATE}"}}
        | .parsing_models[0].extra_kwargs = {default_query: {"x-gateway": "${KV_GATE}"}}'
    export KV_GATE=sk-canary-gate-5512
    run --separate-stderr kv-run r.json.state
    assert_success
    assert_equal "$(jq -c 'select(.judge | not) | .header' "$JOURNAL" | sort -u)" '"route sk-canary-gate-5512"'
    assert_equal "$(jq -c 'select(.judge) | .argument' "$JOURNAL" | sort -u)" '"sk-canary-gate-5512"'
    run grep -l canary r.json.state r.json.tmp preset.json
    assert_failure
    refute_regex "$stderr" canary
    unset KV_GATE
    run --separate-stderr kv-run r.json.state
    assert_failure 5
    assert_regex "$stderr" 'default_headers: KV_GATE is not set'
}

@test "run: a secret in plain text among the headers is refused before it is stored" {
    bench 1
    PROVIDER_URL=http://127.0.0.1:9
    quiz_preset 1 '.answering_models[0].extra_kwargs = {default_headers: {"x-portkey-api-key": "pk-1234"}}'
    run kv-manifest -b bench.jsonl -c preset.json -o r.json
    assert_failure 3
    assert_output --partial 'x-portkey-api-key would be stored'
    assert [ ! -e r.json.state ]
}

@test "run: a proxy that wants to know who asks is blamed itself, not the model's key" {
    echo '{"rules":[{"when":{},"do":{"status":407,"body":"<title>407 Proxy Authentication Required</title>"}}]}' >script.json
    start_provider --script script.json
    local proxy=$PROVIDER_URL
    PROVIDER_URL=http://model.invalid
    prepare
    http_proxy=$proxy run --separate-stderr kv-run r.json.state
    assert_failure 5
    assert_regex "$stderr" 'the proxy wants to know who asks: 407 Proxy Authentication Required'
    refute_regex "$stderr" 'key from'
    stop_provider
    http_proxy=http://127.0.0.1:9 run --separate-stderr kv-run r.json.state
    assert_failure 5
    assert_regex "$stderr" 'the proxy: Failed to connect to 127.0.0.1'
}

@test "run: a path that is not there is named" {
    echo '{"rules":[{"when":{},"do":{"status":404,"body":"<title>Not Found</title>"}}]}' >script.json
    start_provider --script script.json
    prepare
    run --separate-stderr kv-run r.json.state
    assert_regex "$stderr" "404 not_found: Not Found; asked $PROVIDER_URL/v1/chat/completions"
}

@test "run: Google's models are asked by its own protocol" {
    bench 2
    start_provider --answers answers.jsonl --key google-key
    export GEMINI_BASE_URL=$PROVIDER_URL GEMINI_API_KEY=google-key
    prepare '(.answering_models[0], .parsing_models[0]) |= (.interface = "langchain" | .model_provider = "google_genai" | del(.endpoint_base_url))'
    run --separate-stderr kv-run r.json.state
    assert_success
    assert_equal "$(jq -c '[.template.verify_result, (.template.usage_metadata.parsing.input_tokens > 0)]' <<<"$output" | sort -u)" '[true,true]'
    assert_equal "$(jq -r .path "$JOURNAL" | sort -u)" '/v1beta/models/judge:generateContent
/v1beta/models/m1:generateContent'
}

@test "run: Google's models are streamed where a preset or the user says so" {
    bench 2
    start_provider --answers answers.jsonl --key google-key
    export GEMINI_BASE_URL=$PROVIDER_URL GEMINI_API_KEY=google-key
    prepare '(.answering_models[0], .parsing_models[0]) |= (.interface = "langchain" | .model_provider = "google_genai" | del(.endpoint_base_url))
        | .answering_models[0].extra_kwargs = {streaming: true}'
    run --separate-stderr kv-run r.json.state
    assert_success
    assert_equal "$(jq -c '[.template.verify_result, (.template.usage_metadata.answer_generation.output_tokens > 0)]' <<<"$output" | sort -u)" '[true,true]'
    assert_equal "$(jq -r .path "$JOURNAL" | sort -u)" '/v1beta/models/judge:generateContent
/v1beta/models/m1:streamGenerateContent'
    rm r.json*
    prepare '(.answering_models[0], .parsing_models[0]) |= (.interface = "langchain" | .model_provider = "google_genai" | del(.endpoint_base_url))'
    : >"$JOURNAL"
    run --separate-stderr kv-run --stream=always r.json.state
    assert_success
    assert_equal "$(jq -c .template.verify_result <<<"$output" | sort -u)" true
    assert_equal "$(jq -r .path "$JOURNAL" | sort -u)" '/v1beta/models/judge:streamGenerateContent
/v1beta/models/m1:streamGenerateContent'
}

@test "run: what came of a Google answer that stops half-way is kept, its thoughts are not" {
    bench 2
    jq -n '{rules: [{when: {model: "m1"}, do: {stream: [
        {think: "hm"}, {text: "It is 1. But"}, {wait_ms: 10000, text: "x"}]}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
    export GEMINI_BASE_URL=$PROVIDER_URL GEMINI_API_KEY=k
    prepare '.answering_models[0] |= (.interface = "langchain" | .model_provider = "google_genai" | del(.endpoint_base_url))'
    run --separate-stderr kv-run --stream --idle 0.1 r.json.state
    assert_success
    assert_equal "$(jq -c '[.template.raw_llm_response, .template.response_timeout_partial]' <<<"$output" | sort -u)" \
        '["--- AI Message ---\nIt is 1. But",true]'
}

@test "run: a server that cuts long prompts in silence is told of once, others are not" {
    bench 2
    local words
    words=$(seq -s ' ' -f 'word%g' 1500)
    jq -c --arg w "$words" '.question += $w' bench.jsonl >b && mv b bench.jsonl
    cat >script.json <<'END'
{"rules":[{"when":{"model":"m1"},"do":{"body":{"model":"m1",
  "choices":[{"message":{"role":"assistant","content":"It is 1."},"finish_reason":"stop"}],
  "usage":{"prompt_tokens":1024,"completion_tokens":4}}}}]}
END
    start_provider --answers answers.jsonl --script script.json
    quiz_preset 2
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    run --separate-stderr kv-run r.json.state
    assert_success
    assert_equal "$(grep -c 'may have cut' <<<"$stderr")" 1
    assert_regex "$stderr" 'openai_endpoint:m1 \(a1\): the server may have cut what it was asked: it counts 1024 tokens of a prompt of 1[0-9]{4} characters'
}

@test "run: another judge of the preset judges where the first is down, and the row says so" {
    bench 4
    start_provider --answers answers.jsonl
    quiz_preset 1 '.parsing_models += [.parsing_models[0] | .id = "k" | .model_name = "judge2"]
        | .parsing_models[0].endpoint_base_url = "http://127.0.0.1:9/v1" | .async_max_workers = 2'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    kv-status --pending r.json.state | jq -c 'select(.parsing.model_name == "judge")' >first
    run --separate-stderr kv-run --judge-fallback k r.json.state first
    assert_success
    assert_equal "$(jq -c '[.metadata.parsing.model_name, .template.verify_result, .template.usage_metadata.parsing.model]' <<<"$output" | sort | uniq -c | tr -s ' ')" \
        ' 4 ["judge",true,"openai_endpoint:judge2 (k)"]'
    assert_equal "$(jq -r '.metadata.warnings | map(select(startswith("Judged by openai_endpoint:judge2 (k) in place of openai_endpoint:judge (j): "))) | length' <<<"$output" | sort -u)" 1
    assert_regex "$stderr" 'judge \(j\) is down: connection: .*; openai_endpoint:judge2 \(k\) judges in its place'
    kv-append -q r.json.state <<<"$output"
    assert_equal "$(completed)" 4
    run kv-run --judge-fallback nobody r.json.state
    assert_failure 2
    assert_output "kv-run: --judge-fallback: the configuration has no judge 'nobody' (try 'kv-run --help')"
}

@test "run: a refusal of one question is no reason for another judge" {
    bench 2
    echo '{"rules":[{"when":{"model":"judge","contains":"number 1?"},"do":{"status":400,"body":{"error":{"message":"maximum context length is 10 tokens","code":"context_length_exceeded"}}}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
    quiz_preset 1 '.parsing_models += [.parsing_models[0] | .id = "k" | .model_name = "judge2"]'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    kv-status --pending r.json.state | jq -c 'select(.parsing.model_name == "judge")' >first
    run --separate-stderr kv-run --judge-fallback k r.json.state first
    assert_equal "$(asked '.model == "judge2"')" 0
}
