# kv-check-compat: may a configuration and a benchmark go on with a run.
load helper

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
    trials >trials
    run tally trials agrees_exactly
    assert_success
    assert_output "trials: 175/175"
}

@test "compat: without it the verdict is the same, or kinder with its reason" {
    trials >trials
    run tally trials agrees_or_says_why
    assert_success
    assert_output "trials: 175/175"
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
    assert_stdout '{"compatible":false,"reason":"Benchmark content has changed since the job started"}'
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
    run --separate-stderr kv-check-compat -c c.json x
    assert_failure 2
}

@test "compat: a run that was finalized has no configuration to compare" {
    cp "$DATA/exports/many-columns/export.json" done.json
    echo '{}' >c.json
    for name in done.json done.json.state; do
        run --separate-stderr kv-check-compat -c c.json -b b.jsonld "$name"
        assert_failure 3
        assert_stderr "kv-check-compat: $name: the run is finished, and its export does not hold the configuration; go on from it by kv-manifest --extend-from"
    done
}
