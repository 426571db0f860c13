# The configuration: read, defaulted, validated, hashed; and the examples it selects.
load ../helper
load ../agree

setup() {
    kv_setup
    unset EMBEDDING_CHECK EMBEDDING_CHECK_MODEL EMBEDDING_CHECK_THRESHOLD KARENINA_ASYNC_ENABLED \
        KARENINA_ASYNC_MAX_WORKERS KARENINA_MAX_CONCURRENT_LLM_REQUESTS
}

# models [JQ] - two models that need nothing else, as a configuration; JQ changes it
models() {
    jq -n -c '{answering_models: [{id: "a", model_name: "m", interface: "openrouter"}],
        parsing_models: [{id: "j", model_name: "j", interface: "openrouter"}]} | '"${1:-.}"
}

# config_of TEXT - what the driver makes of one configuration
config_of() {
    jq -n -c --arg text "$1" '{input_text: $text}' | kvtest config config
}

@test "config: text, hash and errors are karenina's" {
    kvtest config config <"$DATA/config/config-hash.jsonl" >got
    run agree '
        if .want.error == null then
            .got.dumped == .want.dumped and .got.state_config == .want.state_config
            and .got.md5 == (if .want.uses_default_prompt then .want.md5_marked else .want.md5 end)
        elif .want.error.errors then
            ([.want.error.errors[] | [.loc, .type]] | sort) == ([.got.errors[] | [.loc, .sort]] | sort)
        else .got.error != null and .got.dumped == null end' "$DATA/config/config-hash.jsonl" got .name
    assert_success
    assert_output '72/72'
}

@test "config: what karenina says of a whole configuration is said in its words" {
    jq -c 'select(.error.class == "ValueError" and .error.errors == null
        and (.error.message | startswith("Preset") | not))' "$DATA/config/config-hash.jsonl" >config-messages
    kvtest config config <config-messages >got
    run agree '.got.errors[0].text == .want.error.message' config-messages got .name
    assert_success
    assert_output '8/8'
}

@test "config: the text of a state is ASCII and spells floats as Python does" {
    run config_of "$(models '.answering_models[0] += {temperature: 1e-5, system_prompt: "é\u007f😀", extra_kwargs: {x: 1e16}}')"
    assert_success
    assert_output --partial '"temperature":1e-05'
    assert_output --partial '"system_prompt":"\u00e9\u007f\ud83d\ude00"'
    assert_output --partial '"x":1e+16'
}

@test "config: all mistakes are told at once, each with its path" {
    run config_of "$(models '.answering_models[0] += {temperature: null, max_tokens: 1.5} | .retry_policy.timeout.backoff_min = -1 | .colour = 1')"
    assert_success
    assert_equal "$(json -c '[.errors[] | [.loc, .text]]' <<<"$output")" '[[["answering_models",0,"temperature"],"expected a number, got null"],[["answering_models",0,"max_tokens"],"expected a whole number, got 1.5"],[["retry_policy","timeout","backoff_min"],"must be at least 0"],[["colour"],"unknown key"]]'
    assert_equal "$(json .error <<<"$output")" \
        "answering_models[0].temperature: expected a number, got null (and 3 more)"
}

@test "config: numbers may come as text, as in karenina" {
    local text want got agreed=0 total=0 config
    config=$(models)
    while IFS=' ' read -r text want; do
        total=$((total + 1))
        got=$(config_of "${config%\}},\"max_requeue_count\":$text}" |
            json 'if .dumped then .dumped | capture("max_requeue_count\":(?<n>[0-9]+)").n else .errors[0].sort end')
        [ "$got" = "$want" ] && agreed=$((agreed + 1)) || echo "disagrees: $text gave $got"
    done <<'CASES'
5 5
"5" 5
"\n007_0\t" 70
"+3" 3
"4.0" 4
true 1
2.0 2
"1__0" int_parsing
"5.5" int_parsing
"five" int_parsing
"" int_parsing
2.5 int_from_float
[] int_type
null int_type
"0" greater_than_equal
100000000000000000000001 100000000000000000000001
CASES
    echo "agreed $agreed/$total"
    [ "$agreed" -eq 16 ]
}

@test "config: values at the edges of their types are read or refused as pydantic does" {
    kvtest config config <"$DATA/config/values.jsonl" >got
    run agree '
        if .want.md5 then .got.md5 == .want.md5
        elif .want.errors then
            (.want.errors | sort) == ([.got.errors[] | [.loc, .sort]] | sort)
        else .want.message as $start | .got.errors[0].text | startswith($start) end' "$DATA/config/values.jsonl" got .
    assert_success
    assert_output '159/159'
}

@test "config: infinite and absurd numbers are refused, not rounded" {
    run config_of '{"answering_models":[],"parsing_models":[],"request_timeout":"inf","embedding_check_threshold":1e999}'
    assert_equal "$(json -c '[.errors[].loc[0]] | sort' <<<"$output")" '["embedding_check_threshold","request_timeout"]'
    # Also where null may stand, and where anything may.
    run config_of '{"answering_models":[],"parsing_models":[{"id":"j","model_name":"j","interface":"openrouter","extra_kwargs":{"a":[{"b":-1e309}]}}],"batch_timeout_seconds":1e309}'
    assert_equal "$(json -c '[.errors[] | [.loc[-1], .sort]] | sort' <<<"$output")" \
        '[["batch_timeout_seconds","finite_number"],["extra_kwargs","finite_number"]]'
}

@test "config: the environment fills what the file leaves out, and only that" {
    models >p.json
    models '.async_max_workers = 3' >q.json
    printf '{"question":"q","template":{}}\n' >b.jsonl
    export KARENINA_ASYNC_MAX_WORKERS=9 EMBEDDING_CHECK_THRESHOLD=warm EMBEDDING_CHECK=Yes
    for f in p q; do
        jq '.evaluation_mode = "rubric_only"' $f.json >$f.c
        kv-manifest -b b.jsonl -c $f.c -o $f.out >/dev/null
    done
    run jq -c '[.config | .async_max_workers, .embedding_check_enabled, .embedding_check_threshold]' \
        p.out.state q.out.state
    assert_success
    assert_output '[9,true,0.85]
[3,true,0.85]'
    # What is a number is not ignored, even if it is none that fits.
    EMBEDDING_CHECK_THRESHOLD=inf KARENINA_ASYNC_MAX_WORKERS=-1 \
        run --separate-stderr kv-manifest -b b.jsonl -c p.c -o x
    assert_failure 3
    assert_stderr 'kv-manifest: p.c: embedding_check_threshold: not a finite number, got "inf"
kv-manifest: p.c: async_max_workers: must be at least 1'
}

@test "config: examples are selected as karenina selects them, its draws included" {
    kvtest config fewshot <"$DATA/config/few-shot.jsonl" >got
    run agree '.got == .want.selected' "$DATA/config/few-shot.jsonl" got .name
    assert_success
    # Examples named by the digest of their text are found, which karenina's recorded runs never show.
    assert_output 'disagrees: custom-hashes
disagrees: custom-mixed-duplicate
disagrees: exclude-hash
16/19'
}
