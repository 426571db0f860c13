# The three-line pipeline against a model server that nobody here wrote: npm's @copilotkit/aimock.
# tests/setup.sh puts it into build/peers where node and npm are there.
load ../helper

AIMOCK=$ROOT/build/peers/node_modules/.bin/llmock

setup() {
    kv_setup
    [ -x "$AIMOCK" ] || skip "npm's @copilotkit/aimock is not installed (make peers)"
    export OPENAI_API_KEY=mock
    for i in $(seq 12); do
        printf '{"id":"q%s","question":"What is number %s?","template":{"fields":[{"name":"n","type":"int","description":"The number","ground_truth":%s,"verify_with":{"type":"NumericExact"}}]}}\n' \
            "$i" "$i" "$i"
    done >bench.jsonl
    jq -n '{fixtures: [range(1; 13) as $i | "number \($i)?" as $q |
        {match: {model: "judge", userMessage: $q}, response: {content: ({n: $i} | tojson)}},
        {match: {model: "answerer", userMessage: $q}, response: {content: "It is \($i)."}}]}' >fixtures.json
}

teardown() {
    [ -z "${AIMOCK_PID:-}" ] || kill "$AIMOCK_PID" 2>/dev/null || true
}

# start_aimock [OPTION...] - on a port of the system's choosing; returns when it answers
start_aimock() {
    local port
    port=$(shuf -i 20000-40000 -n 1)
    "$AIMOCK" -p "$port" -f fixtures.json --strict "$@" >aimock.log 2>&1 3>&- &
    AIMOCK_PID=$!
    AIMOCK_URL=http://127.0.0.1:$port/v1
    curl -s --retry 50 --retry-connrefused --retry-delay 0 --retry-max-time 20 \
        "$AIMOCK_URL/models" >/dev/null || fail "aimock did not start: $(cat aimock.log)"
    jq -n --arg url "$AIMOCK_URL" '{
        answering_models: [{id: "a", model_name: "answerer", interface: "openai_endpoint",
            endpoint_base_url: $url, system_prompt: "Be brief."}],
        parsing_models: [{id: "j", model_name: "judge", interface: "openai_endpoint",
            endpoint_base_url: $url}],
        async_max_workers: 4,
        retry_policy: {
            connection: {max_attempts: 20, backoff_min: 0.01, backoff_max: 0.05},
            timeout: {max_attempts: 3, backoff_min: 0.01, backoff_max: 0.05},
            rate_limit: {max_attempts: 20, backoff_min: 0.01, backoff_max: 0.05},
            server_error: {max_attempts: 20, backoff_min: 0.01, backoff_max: 0.05}}}' >preset.json
}

whole_run() {
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    run bash -c 'set -o pipefail; kv-run r.json.state | kv-append -q r.json.state'
    assert_success
    run kv-finalize r.json.state
    assert_success
    assert_equal "$(jq -c '[(.results | length), ([.results[].template.verify_result] | unique)]' r.json)" \
        '[12,[true]]'
}

@test "aimock: a run against a foreign server passes every question" {
    start_aimock
    whole_run
}

@test "aimock: so it does when a fifth of its replies are errors, garbage or cut off" {
    start_aimock --chaos-drop 0.1 --chaos-malformed 0.05 --chaos-disconnect 0.05
    whole_run
}
