# What the programs hold in memory, and for how long they trust a file they hold no more.
load ../helper

setup() {
    kv_setup
    export OPENAI_API_KEY=none
}

# questions N BYTES - N questions with a text of about so many bytes
questions() {
    awk -v n="$1" -v bytes="$2" 'BEGIN {
        while (length(pad) < bytes) pad = pad " context"
        for (i = 1; i <= n; i++)
            printf "{\"id\":\"q%d\",\"question\":\"What is number %d?%s\",\"template\":{\"fields\":[{\"name\":\"n\",\"type\":\"str\",\"description\":\"The number\",\"ground_truth\":\"x\",\"verify_with\":{\"type\":\"ExactMatch\"}}]}}\n", i, i, pad
    }'
}

# checkpoint - the questions on stdin as a checkpoint
checkpoint() {
    local day='"2025-01-01T00:00:00"'
    printf '{"@context":{},"@type":"DataFeed","name":"N","dateCreated":%s,"dateModified":%s,"dataFeedElement":[' "$day" "$day"
    jq -c --argjson day "$day" '{"@type": "DataFeedItem", "@id": .id, dateCreated: $day,
        dateModified: $day, item: {"@type": "Question", text: .question,
        acceptedAnswer: {"@type": "Answer", text: "x"},
        hasPart: {"@type": "SoftwareSourceCode", name: "T", programmingLanguage: "Python",
            text: (.template | tojson)}, additionalProperty: [{name: "finished", value: true}]}}' |
        sed '$!s/$/,/'
    printf ']}\n'
}

preset() {
    jq -n --arg url "$PROVIDER_URL/v1" '{
        answering_models: [{id: "a", model_name: "m", interface: "openai_endpoint",
            endpoint_base_url: $url, system_prompt: "Be brief."}],
        parsing_models: [{id: "j", model_name: "judge", interface: "openai_endpoint",
            endpoint_base_url: $url}]}' >preset.json
}

# assert_peak KB - of the command that `peak` ran last
assert_peak() {
    [ "$(cat peak.kb)" -le "$1" ] || fail "$(cat peak.kb) KB, allowed are $1"
}

@test "memory: of questions what is asked now is held, whatever the file holds" {
    [ -z "${KV_SAN:-}" ] || skip "sanitizers hold more"
    start_provider
    preset
    questions 12000 4000 >lines.jsonl
    checkpoint <lines.jsonl >checkpoint.jsonld
    for file in lines.jsonl checkpoint.jsonld; do
        echo "$file: $(wc -c <"$file") bytes"
        run -0 peak peak.kb kv-manifest --force -b "$file" -c preset.json -o r.json
        assert_peak 24000
        run -1 --separate-stderr peak peak.kb kv-run -j 16 --max-tasks 20 r.json.state
        assert_equal "${#lines[@]}" 20
        assert_peak 30000
    done
}

@test "memory: the tasks of a manifest are computed, not held" {
    [ -z "${KV_SAN:-}" ] || skip "sanitizers hold more"
    PROVIDER_URL=http://127.0.0.1:1
    preset
    questions 10 20 >lines.jsonl
    run -0 peak peak.kb kv-manifest -b lines.jsonl -c preset.json --set replicate_count=20000 --print
    assert_equal "${#lines[@]}" 200000
    assert_peak 14000
}

@test "memory: of a results document one row at a time is held" {
    [ -z "${KV_SAN:-}" ] || skip "sanitizers hold more"
    seq 100000 | sed 's/.*/k&/' | kvtest state create all.json
    awk 'BEGIN {
        while (length(pad) < 400) pad = pad " answer"
        printf "{\"format_version\": \"2.0\", \"results\": ["
        for (i = 1; i <= 100000; i++) printf "%s{\"task_id\":\"k%d\",\"answer\":\"%s\"}", (i > 1 ? ", " : ""), i, pad
        printf "]}"
    }' >shard.json
    echo "$(wc -c <shard.json) bytes"
    run -0 peak peak.kb kv-append -q all.json shard.json
    assert_peak 20000
    assert_equal "$(kv-status --json all.json | jq .progress.completed_count)" 100000
}

@test "memory: of tasks that wait for their turn a number is held" {
    [ -z "${KV_SAN:-}" ] || skip "sanitizers hold more"
    PROVIDER_URL=http://127.0.0.1:1
    preset
    questions 100000 0 >b.jsonl
    kv-manifest -b b.jsonl -c preset.json -o r.json >/dev/null
    run -1 --separate-stderr peak peak.kb kv-run --max-tasks 1 --answer-cmd 'echo x' r.json.state \
        --judge-cmd 'echo "{}"'
    assert_equal "${#lines[@]}" 1
    assert_peak 27000
}

# results QUESTIONS - a finished file of them, every third one wrong
results() {
    awk -v n="$1" 'BEGIN {
        model = "\"interface\":\"openai_endpoint\",\"tools\":[],\"model_name\""
        printf "{\"format_version\":\"2.2\",\"metadata\":{\"job_summary\":{\"total_questions\":%d,\"is_complete\":true}},\"results\":[\n", n
        for (i = 1; i <= n; i++)
            printf "%s{\"metadata\":{\"question_id\":\"q%d\",\"template_id\":\"t\",\"question_text\":\"%d?\",\"answering\":{%s:\"a\"},\"parsing\":{%s:\"j\"},\"execution_time\":%d.%03d,\"timestamp\":\"2026-01-01 00:00:00\",\"result_id\":\"%d\",\"failure\":%s},\"template\":{\"raw_llm_response\":\"It is %d.\",\"parsed_llm_response\":{\"n\":%d},\"parsed_gt_response\":{\"n\":0},\"template_verification_performed\":true,\"verify_result\":%s,\"field_results\":{\"n\":%s}}}\n", (i > 1 ? "," : ""), i, i, model, model, i % 9, i % 1000, i, i % 3 ? "null" : "{\"category\":\"content\",\"stage\":\"verify_template\",\"reason\":\"no\"}", i, i, i % 3 ? "true" : "false", i % 3 ? "true" : "false"
        print "]}"
    }'
}

@test "memory: of the templates that rows are judged by some thousands are held" {
    questions 50000 0 >b.jsonl
    results 50000 | sed -n 's/^,\?\({"metadata".*\)/\1/p' >rows
    head -n 1 rows >>rows # its template made room for another one
    if [ -n "${KV_SAN:-}" ]; then
        kv-rejudge -j 1 -b b.jsonl rows >judged
    else
        run -0 peak peak.kb sh -c 'exec kv-rejudge -j 1 -b b.jsonl rows >judged'
        assert_peak 40000
    fi
    assert_equal "$(wc -l <judged)" 50001
    [ "$(grep -c '"verify_result":false' judged)" -eq 50001 ]
    cmp <(head -n 1 judged) <(tail -n 1 judged)
}

@test "memory: a report holds what it counts of a result, and of a question no more than its name" {
    [ -z "${KV_SAN:-}" ] || skip "sanitizers hold more"
    results 100000 >results.json
    for form in --json --html; do
        run -0 peak peak.kb kv-report "$form" -o report results.json
        assert_peak 13500
        if [ "$form" = --json ]; then
            jq -e '.files[0].rows == 100000 and .models[0].passed == 66667' report
        fi
    done
}

@test "memory: a question that changes in its file under a run is not asked" {
    start_provider
    preset
    questions 3 20 >b.jsonl
    sed 's/number 3/figure 3/' b.jsonl >other.jsonl
    kv-manifest -b b.jsonl -c preset.json -o r.json >/dev/null
    # Written over in place, by the first command that answers.
    run --separate-stderr kv-run -j 1 r.json.state --answer-cmd 'cat other.jsonl >b.jsonl; echo x'
    assert_failure 3
    assert_equal "${#lines[@]}" 2
    assert_regex "$stderr" "question 'q3' has changed in its file since that was opened"
}

@test "memory: a benchmark that another takes the place of is asked as it was" {
    start_provider
    preset
    questions 3 20 >b.jsonl
    sed 's/number/figure/' b.jsonl >other.jsonl
    kv-manifest -b b.jsonl -c preset.json -o r.json >/dev/null
    run --separate-stderr kv-run -j 1 r.json.state --answer-cmd \
        '[ ! -e other.jsonl ] || mv other.jsonl b.jsonl; echo x'
    assert_success
    assert_equal "${#lines[@]}" 3
}

@test "memory: a result whose key a dead writer did not record is not asked for again" {
    start_provider
    preset
    questions 2 20 >b.jsonl
    kv-manifest -b b.jsonl -c preset.json -o r.json >/dev/null
    cp r.json.state before
    kv-run --max-tasks 1 r.json.state 2>/dev/null | kv-append -q r.json.state
    cp before r.json.state # the results file is one commit ahead
    run --separate-stderr kv-run r.json.state
    assert_success
    assert_equal "${#lines[@]}" 1
    kv-append -q r.json.state <<<"${lines[0]}"
    assert_equal "$(jq -c '[.total_tasks, .completed_count, .row_count]' r.json.state)" '[2,2,2]'
}
