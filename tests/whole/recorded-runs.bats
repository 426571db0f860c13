# Whole runs against recorded runs of karenina's own: what is asked, in which order, what comes of it.
load ../helper
# shellcheck disable=SC2154 # stderr, status: bats sets them

setup() {
    kv_setup
    export OPENAI_API_KEY=sk-test
}

# prepare CASE - its benchmark, its configuration at the provider's address, and the provider's
# part: what its models say, and where they fail
prepare() {
    jq -c .checkpoint "$1" >bench.jsonld
    jq -c '.canned | to_entries[] | {question: .key,
        answer: ([.value.generation[].text // empty] | last),
        parsed: ([.value.parse[].object // empty] | last)}' "$1" >answers.jsonl
    # As the servers say what the client libraries called by these names. A rate limit passes.
    jq -c '{RateLimitError: 429, AuthenticationError: 401} as $status
        | {rules: [.canned | to_entries[] | .key as $q | .value
            | {generation, parse} | to_entries[] | .key as $task | .value[0].error // empty
            | {when: {judge: ($task == "parse"), contains: $q,
                    first: (if .type == "RateLimitError" then 1 else 99 end)},
                do: {status: ($status[.type] // 400), body: {error: {message}}}}]}' \
        "$1" >script.json
    rm -f "$BATS_TEST_TMPDIR/journal.jsonl"
    start_provider --answers answers.jsonl --script script.json
    jq -c --arg url "$PROVIDER_URL/v1" '.config
        | .answering_models[].endpoint_base_url = $url | .parsing_models[].endpoint_base_url = $url
        | .retry_policy = {rate_limit: {max_attempts: 3, backoff_min: 0.01, backoff_max: 0.02}}' "$1" >preset.json
}

# shellcheck disable=SC2016 # jq's variables
# What a row says, as the recorded runs summarise it; of a failure its category, stage and group.
summary='{task_key: $key, verify_result: .template.verify_result, verify_granular_result: .template.verify_granular_result,
    failure: (.metadata.failure | if . then {category, stage, group} else null end), caveats: .metadata.caveats,
    raw_llm_response: .template.raw_llm_response, parsed_llm_response: .template.parsed_llm_response,
    retry_used: (.metadata.retry_counts | map_values(.used) | with_entries(select(.value > 0)))}'

# run_phase CASE N - runs the tasks that were executed in phase N, one call at a time
run_phase() {
    jq -c ".phases[$2].executed[].task_key" "$1" >tasks
    kv-run -j 1 r.json.state tasks >rows || [ $? = 1 ] || return
    kv-append r.json.state rows | jq -c .task_id >keys
    jq -cn --slurpfile keys keys --slurpfile rows rows \
        "range(\$rows | length) | \$keys[.] as \$key | \$rows[.] | $summary" >ours
    jq -c ".phases[$2].executed[] | .failure |= (if . then {category, stage, group} else null end)
        | del(.usage_stages)" "$1" >theirs
    diff <(jq -cS . theirs) <(jq -cS . ours) || return
    # One line a request, the repeated ones included.
    jq -c '[if .judge then "parse" else "generation" end, .model]' "$JOURNAL" | tail -n +"$((asked + 1))" >calls
    asked=$(wc -l <"$JOURNAL")
    diff <(jq -c ".phases[$2].calls[] | . as \$c | range(.attempts) | [\$c.task, \$c.model]" "$1") calls
}

whole_run() {
    local i phases asked=0
    prepare "$1"
    kv-manifest -b bench.jsonld -c preset.json -o r.json >/dev/null
    diff <(jq -c '.phases[0].manifest' "$1") <(jq -c .task_manifest r.json.state) || return
    phases=$(jq '.phases | length' "$1")
    for i in $(seq 0 $((phases - 1))); do
        run_phase "$1" "$i" || return
    done
    kv-status -q r.json.state || return
    kv-finalize r.json.state >/dev/null || return
    diff <(jq -cS '.phases[-1].export.job_summary' "$1") \
        <(jq -cS '.metadata.job_summary | {total_questions, successful_count, failed_count, is_complete}' r.json)
}

# What differs, with its reason in kv(7); a case that is listed and agrees is stale.
deviations='two-judges-share-answer: an answer is used again in a later run too
generation-order-two-judges: an answer is used again in a later run too
failures-and-resume: a wrong key stops the run
failed-generation-two-judges: judges without an answer say the same
filter-then-resume-unfiltered: a run keeps to its manifest
same-id-shares: an answer belongs to one model, not to all of one id'

@test "runs: every recorded run is asked, judged, resumed and exported as by karenina, or as listed" {
    local line name why agreed=0 total=0 bad=()
    while read -r line; do
        name=$(jq -r .name <<<"$line")
        total=$((total + 1))
        mkdir "$name"
        cd "$name" || return
        echo "$line" >case.json
        whole_run case.json >difference 2>&1 && why=same || why=$(<difference)
        stop_provider
        cd ..
        if grep -q "^$name: " <<<"$deviations"; then
            [ "$why" != same ] || bad+=("$name: listed as a deviation, but agrees")
        elif [ "$why" = same ]; then
            agreed=$((agreed + 1))
        else
            bad+=("$name: ${why:0:2000}")
        fi
    done <"$(data runs/runs.jsonl)"
    agreement runs.jsonl "$agreed/$total" "$(wc -l <<<"$deviations")"
    [ ${#bad[@]} -eq 0 ] || fail "$(printf '%s\n' "${bad[@]}")"
}
