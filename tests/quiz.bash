# quiz.bash - a benchmark of numbered questions, models at the bundled provider: `load quiz`.

# bench N [BYTES] - N questions whose reference answer is what the provider's models say of them;
# with keywords of so many bytes, so that a few results fill a pipe
bench() {
    local i padding=
    [ -z "${2:-}" ] || padding=$(head -c "$2" /dev/zero | tr '\0' x)
    for i in $(seq "$1"); do
        printf '{"id":"q%s","question":"What is number %s?","answer":"%s","keywords":["k%s"],"template":{"fields":[{"name":"n","type":"int","description":"The number","ground_truth":%s,"verify_with":{"type":"NumericExact"}}]}}\n' \
            "$i" "$i" "$i" "$padding" "$i"
    done >bench.jsonl
    for i in $(seq "$1"); do
        printf '{"question":"What is number %s?","answer":"It is %s.","parsed":{"n":%s}}\n' "$i" "$i" "$i"
    done >answers.jsonl
}

# quiz_preset MODELS [JQ] - so many answering models and a judge at the provider, edited by a jq
# filter
quiz_preset() {
    jq -n --arg url "$PROVIDER_URL/v1" --argjson models "$1" '{
        answering_models: [range(1; $models + 1) |
            {id: "a\(.)", model_name: "m\(.)", interface: "openai_endpoint", endpoint_base_url: $url,
             system_prompt: "Be brief.", temperature: 0}],
        parsing_models: [
            {id: "j", model_name: "judge", interface: "openai_endpoint", endpoint_base_url: $url}],
        async_max_workers: 8,
        retry_policy: {connection: {max_attempts: 2, backoff_min: 0.01, backoff_max: 0.05},
            timeout: {max_attempts: 1, backoff_min: 0.01, backoff_max: 0.05},
            rate_limit: {max_attempts: 5, backoff_min: 0.05, backoff_max: 0.2},
            server_error: {max_attempts: 1, backoff_min: 0.01, backoff_max: 0.05}}
        } | '"${2:-.}" >preset.json
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

# asked JQ - how many requests of the journal the filter selects
asked() {
    jq -s "map(select($1)) | length" "$JOURNAL"
}

completed() {
    kv-status --json r.json.state | jq .progress.completed_count
}
