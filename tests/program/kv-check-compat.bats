# kv-check-compat: may a configuration and a benchmark go on with a run.
load ../helper

# trials - every recorded trial: case, directory and what karenina answers
trials() {
    local f
    for f in "$DATA"/states-v[12]/*/expected.json; do
        jq -c --arg dir "$(dirname "$f")" '(.is_compatible // [])[] | .dir = $dir' "$f"
    done
}

# try OPTION... - one trial from stdin
try() {
    local line
    line=$(cat)
    json .config <<<"$line" >config.json
    kv-check-compat "$@" -c config.json -b "$(json .benchmark_path <<<"$line")" \
        "$(json .dir <<<"$line")/results.json.state" >verdict
}

agrees_exactly() {
    local line
    line=$(cat)
    try --exact <<<"$line" || [ $? -eq 1 ] || return
    [ "$(json -c '[.compatible, .reason]' verdict)" = "$(json -c '[.compatible, .reason]' <<<"$line")" ]
}

# By our rule the verdict may only be kinder, and then says what it overlooks.
agrees_or_says_why() {
    local line
    line=$(cat)
    try <<<"$line" || [ $? -eq 1 ] || return
    [ "$(json -c '[.compatible, .reason]' verdict)" = "$(json -c '[.compatible, .reason]' <<<"$line")" ] ||
        json -e '.compatible and (.harmless | length > 0)' verdict >/dev/null
}

@test "compat: --exact gives karenina's verdicts in its words" {
    trials >is_compatible
    tally is_compatible agrees_exactly
}

@test "compat: without it the verdict is the same, or kinder with its reason" {
    trials >verdicts
    tally verdicts agrees_or_says_why
}

@test "compat: differences are told, harmless ones apart" {
    cd "$BATS_TEST_TMPDIR"
    jq '.is_compatible[0].config | .answering_models[0].temperature = 0.7 | .async_max_workers = 9
        | .parsing_models[0].max_retries = 0 | .few_shot_config = {}' "$DATA/states-v1/fresh/expected.json" >c.json
    run --separate-stderr kv-check-compat -c c.json -b bench.jsonld "$DATA/states-v1/fresh/results.json.state"
    assert_failure 1
    assert_stdout '{"compatible":false,"reason":"Configuration has changed since the job started","differences":[{"path":"answering_models[0].temperature","state":0.0,"given":0.7},{"path":"few_shot_config","state":null,"given":{"source":"both","pool_mode":"all","pool_k":3,"question_configs":{},"global_examples":[]}}],"harmless":[{"path":"parsing_models[0].max_retries","state":2,"given":0},{"path":"async_max_workers","state":2,"given":9}]}'
    assert_stderr ""
}

@test "compat: a state of ours also compares the content of the benchmark" {
    cp "$DATA/benchmarks/plain.jsonld" b.jsonld
    jq '.is_compatible[0].config' "$DATA/states-v1/fresh/expected.json" >c.json
    kv-manifest -b b.jsonld -c c.json -o r.json --questions 0-3 >/dev/null
    run --separate-stderr kv-check-compat -c c.json -b b.jsonld r.json
    assert_success
    assert_stdout '{"compatible":true,"reason":""}'
    # A question that is not part of the run may change.
    jq '.dataFeedElement[5].item.acceptedAnswer.text = "other"' b.jsonld >n && mv n b.jsonld
    run --separate-stderr kv-check-compat -c c.json -b b.jsonld r.json.state
    assert_success
    jq '.dataFeedElement[0].item.acceptedAnswer.text = "other"' b.jsonld >n && mv n b.jsonld
    run --separate-stderr kv-check-compat -c c.json -b b.jsonld r.json.state
    assert_failure 1
    assert_equal "$(jq -c '[.compatible, .reason, (.changed_questions | length)]' <<<"$output")" \
        '[false,"Benchmark content has changed since the job started",1]'
    run --separate-stderr kv-check-compat --exact -c c.json -b b.jsonld r.json.state
    assert_success
}

@test "compat: no key is shown" {
    jq '.is_compatible[0].config | .answering_models[0].extra_kwargs = {api_key: "sk-hidden"}' \
        "$DATA/states-v1/fresh/expected.json" >c.json
    run --separate-stderr kv-check-compat -c c.json -b bench.jsonld "$DATA/states-v1/fresh/results.json.state"
    assert_failure 1
    refute_output --partial sk-hidden
}

@test "compat: what cannot be read is said" {
    printf '{}' >c.json
    run --separate-stderr kv-check-compat -c c.json -b b nowhere.state
    assert_failure 3
    assert_stderr "kv-check-compat: nowhere.state: no such file or directory"
    run --separate-stderr kv-check-compat -c c.json -b b "$DATA/states-v1/fresh/results.json.state"
    assert_failure 3
    assert_stderr "kv-check-compat: c.json: parsing_models: missing"
    run --separate-stderr kv-check-compat -c c.json "$DATA/states-v1/fresh/results.json.state"
    assert_failure 2
}

# finished - a run of two questions, done and finalized: r.json from b.jsonld and p.json
finished() {
    cp "$DATA/benchmarks/plain.jsonld" b.jsonld
    jq -n '{answering_models: [{id: "a", model_name: "m", interface: "openai_endpoint",
            endpoint_base_url: "http://h/v1", endpoint_api_key: "k", system_prompt: "Be brief."}],
        parsing_models: [{id: "j", model_name: "j", interface: "openrouter"}], replicate_count: 2}' >p.json
    kv-manifest -b b.jsonld -c p.json -o r.json --questions 0-1 >/dev/null
    kv-run r.json --answer-cmd 'echo 4' --judge-cmd 'echo {}' 2>/dev/null | kv-append -q r.json
    kv-finalize r.json >/dev/null
}

@test "compat: a finished run is compared as far as its export tells" {
    local filter paths name
    finished
    for name in r.json r.json.state; do
        run --separate-stderr kv-check-compat -c p.json -b b.jsonld "$name"
        assert_success
        assert_stderr ""
        assert_equal "$(json -c '[.compatible, .reason, .differences]' <<<"$output")" '[true,"",null]'
    done
    # What it does not hold is named, what it holds is not.
    json -e '.not_compared | contains(["answering_models[0].max_tokens", "evaluation_mode", "benchmark_path"])
        and (map(test("temperature|system_prompt|[.]id$|replicate|async")) | any | not)' <<<"$output" >/dev/null
    while IFS='|' read -r filter paths; do
        echo "$filter"
        jq "$filter" p.json >q.json
        run --separate-stderr kv-check-compat -c q.json -b b.jsonld r.json
        assert_equal "$(json -c '[.differences[]?.path] | join(" ")' <<<"$output")" "$paths"
        assert_equal "$status" "$([ -z "$paths" ] && echo 0 || echo 1)"
    done <<'CASES'
.answering_models[0].temperature = 0.9|answering_models[0].temperature
.answering_models[0].id = "b"|answering_models[0].id
.answering_models[0].system_prompt = "Be long."|answering_models[0].system_prompt
.parsing_models[0].model_name = "k"|parsing_models[0].model_name
.parsing_models += [.parsing_models[0] + {id: "z"}]|parsing_models[1]
.replicate_count = 3|replicate_count
.evaluation_mode = "rubric_only"|
.async_max_workers = 9|
CASES
    jq '.dataFeedElement[0].item.text += "?"' b.jsonld >c.jsonld
    run --separate-stderr kv-check-compat -c p.json -b c.jsonld r.json
    assert_failure 1
    assert_equal "$(json .reason <<<"$output")" "Benchmark content has changed since the job started"
    run --separate-stderr kv-check-compat --exact -c p.json -b b.jsonld r.json
    assert_failure 3
    assert_stderr "kv-check-compat: r.json: the run is finished, and its export holds neither the configuration hash nor the benchmark path that --exact compares"
}

@test "compat: requests are compared by the whole of their configuration, other jobs by what was given" {
    preset='{"answering_models": [{"id": "a", "model_name": "m", "interface": "openai_endpoint",
            "endpoint_base_url": "http://h/v1", "temperature": 0, "system_prompt": "Be brief."}],
        "parsing_models": [{"id": "j", "model_name": "j", "interface": "openrouter"}]}'
    printf '%s' "$preset" >p.json
    jq -nc '{custom_id: "r", method: "POST", url: "/v1/chat/completions", body: {model: "m", messages: []}}' >requests.jsonl
    kv-manifest --requests requests.jsonl -c p.json -o r.json >/dev/null
    kv-manifest --tasks <(echo '"t"') -c p.json -o t.json >/dev/null
    for state in r.json.state t.json.state; do
        run --separate-stderr kv-check-compat -c p.json "$state"
        assert_success
        assert_equal "$(jq -c '[.compatible, .differences]' <<<"$output")" '[true,null]'
        jq '.answering_models[0].temperature = 1' p.json >q.json
        run --separate-stderr kv-check-compat -c q.json "$state"
        assert_failure 1
        assert_equal "$(jq -r '.differences[].path' <<<"$output")" 'answering_models[0].temperature'
        run --separate-stderr kv-check-compat -c p.json -b b.jsonl "$state"
        assert_failure 2
        assert_stderr "kv-check-compat: --benchmark: the run of $state has none (try 'kv-check-compat --help')"
    done
}

@test "compat: what no JSON has is shown in a way that JSON has" {
    jq '.is_compatible[0].config' "$DATA/states-v1/fresh/expected.json" >c.json
    sed 's/"config_hash": "./&0/; 0,/"temperature": [0-9.]*/s//"temperature": NaN/
        0,/"extra_kwargs": null/s//"extra_kwargs": {"a\\udc00": [-Infinity, "\\ud800"]}/' \
        "$DATA/states-v1/fresh/results.json.state" >results.json.state
    run --separate-stderr kv-check-compat -c c.json -b bench.jsonld results.json.state
    assert_failure 1
    assert_equal "$(jq -c '.differences[:2]' <<<"$output" | values)" '[{"path":"answering_models[0].temperature","state":"NaN","given":0},{"path":"answering_models[0].extra_kwargs","state":{"a�":["-Infinity","�"]},"given":null}]'
}
