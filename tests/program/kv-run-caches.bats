# kv-run: what prompts share is written to a service's cache once, and read from then on.
load ../helper
load ../quiz

# caching N [JQ] [OPTION...] - N questions to a model of Anthropic's whose system text is long enough
# for its cache, at a provider with these options; the preset edited by a jq filter
caching() {
    bench "$1"
    start_provider --answers answers.jsonl "${@:3}"
    quiz_preset 1 '.async_max_workers = 20 | .answering_models[0] |= (del(.endpoint_base_url)
        | .interface = "langchain" | .model_provider = "anthropic" | .model_name = "claude-sonnet"
        | .anthropic_base_url = "'"$PROVIDER_URL"'" | .system_prompt = "Be brief. " * 600) | '"${2:-.}"
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
}

# cached - of the rows: how many answers wrote the cache, how many read it, how many passed
cached() {
    jq -sc '[(map(.template.usage_metadata.answer_generation.input_token_details | select(.cache_creation > 0)) | length),
        (map(.template.usage_metadata.answer_generation.input_token_details | select(.cache_read > 0)) | length),
        (map(select(.template.verify_result)) | length)]' rows
}

@test "of calls that begin alike one goes first: one writes the cache, the others read it" {
    local how
    for how in never always; do
        rm -rf r.json*
        caching 20 . --latency 300 --token-ms 50
        kv-run --stream=$how r.json.state >rows
        stop_provider
        assert_equal "$how $(cached)" "$how [1,19,20]"
    done
}

@test "with --no-warm nothing waits, and many write the cache" {
    caching 20 . --latency 300
    kv-run --no-warm r.json.state >rows
    assert [ "$(jq '.[0]' <<<"$(cached)")" -gt 1 ]
}

@test "a first call that fails is made again alone, or the next one is, and none waits for ever" {
    echo '{"rules":[{"when":{"model":"claude-sonnet","first":1},"do":{"status":500}}]}' >script.json
    caching 20 . --latency 100 --script script.json
    kv-run r.json.state >rows
    assert_equal "$(cached)" '[1,19,20]'
    stop_provider
    rm -rf r.json*
    sed -i 's/"first":1/"first":2/' script.json
    caching 20 '.retry_policy.server_error.max_attempts = 0' --latency 100 --script script.json
    run --separate-stderr kv-run r.json.state
    assert_failure 1
    printf '%s\n' "$output" >rows
    assert_equal "$(cached)" '[1,17,18]'
}

@test "what only one call of a run begins with is written to no cache" {
    caching 1
    kv-run r.json.state >rows
    assert_equal "$(cached)" '[0,0,1]'
    stop_provider
    rm -rf r.json*
    caching 2
    kv-run r.json.state >rows
    assert_equal "$(cached)" '[1,1,2]'
}

@test "judges at OpenAI have one cache key as long as they are few, and some when they are many" {
    bench 40
    start_provider --answers answers.jsonl --bodies bodies
    quiz_preset 1 '.parsing_models[0].endpoint_base_url = "http://api.openai.com/v1"'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    KV_API_KEY=none KV_API_HOST=api.openai.com http_proxy=$PROVIDER_URL kv-run -j 1 r.json.state >rows
    stop_provider
    jq -rc '.prompt_cache_key // "none"' bodies | grep -v none >keys
    assert_equal "$(wc -l <keys)" 40
    # 40 in a minute, or in two halves of it: two or three keys, numbered once there are more than one
    refute grep -vE '^kv-[0-9a-f]{16}(-[0-2])?$' keys
    assert_equal "$(head -n 15 keys | sort -u | grep -c -- '^kv-[0-9a-f]*$')" 1
    assert [ "$(tail -n 5 keys | grep -c -- '-[0-2]$')" -eq 5 ]
    assert_equal "$(cut -c -19 keys | sort -u | wc -l)" 1
}

@test "a prompt that is too short for the cache makes nobody wait" {
    caching 20 '.answering_models[0].system_prompt = "Be brief."' --latency 500
    kv-run r.json.state >rows
    assert_equal "$(cached)" '[0,0,20]'
    assert [ "$(curl -s "$PROVIDER_URL/stats" | jq .peak)" -gt 10 ]
}

@test "a stop and a wrong key end calls that wait as any others" {
    local status=0
    caching 20 . --latency 30000
    kv-run --grace 0.2 r.json.state >rows 2>err 3>&- &
    local pid=$!
    until [ -s "$JOURNAL" ]; do :; done
    kill -TERM "$pid"
    wait "$pid" || status=$?
    assert_equal "$status" 143
    assert_equal "$(wc -l <"$JOURNAL")" 1
    stop_provider
    rm -rf r.json*
    rm "$JOURNAL"
    ANTHROPIC_API_KEY=wrong
    export ANTHROPIC_API_KEY
    caching 20 . --key right
    run --separate-stderr kv-run r.json.state
    assert_failure 5
    assert_equal "$(wc -l <"$JOURNAL")" 1
}

@test "two replicates with one id are told of once, one id for everything is not" {
    local body='{id: $id, model: "m1", choices: [{message: {content: "It is 1."}, finish_reason: "stop"}], usage: {prompt_tokens: 9, completion_tokens: 3}}'
    jq -n '{rules: [{when: {model: "m1", contains: "number 1?"}, do: {status: 200, body: ("same" as $id | '"$body"')}}]}' >script.json
    bench 2
    start_provider --answers answers.jsonl --script script.json
    quiz_preset 1 '.replicate_count = 3 | .async_max_workers = 1'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    run --separate-stderr kv-run r.json.state
    assert_success
    assert_equal "${#lines[@]}" 6
    assert_equal "$(grep -c 'have the same id' <<<"$stderr")" 1
    [[ $stderr == *"m1 (a1): two replies to one question have the same id"* ]]
    stop_provider
    rm -f r.json*
    jq -n '{rules: [{when: {model: "m1"}, do: {status: 200, body: ("same" as $id | '"$body"')}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
    quiz_preset 1 '.replicate_count = 3 | .async_max_workers = 1'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    run --separate-stderr kv-run r.json.state
    assert_success
    refute grep -q 'same id' <<<"$stderr"
}
