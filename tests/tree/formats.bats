# The pages of what users write, kv-benchmark(5) and kv-config(5): all they show is so.
load ../helper

setup() {
    kv_setup
    ROOT_SHARE=$ROOT/share
}

# blocks PAGE SECTION - the literal blocks of a section, one JSON string each
blocks() {
    awk -v wanted="$2" '
        /^\.Sh / { inside = substr($0, 5) == wanted }
        inside && /^\.Bd/ { text = ""; open = 1; next }
        /^\.Ed/ { if (open) print text; open = 0; next }
        open { gsub(/\\e/, "\\"); gsub(/\\&/, ""); text = text $0 "\f" }
    ' "$ROOT/man/$1" | jq -R 'split("\f") | map(select(. != "")) | join("\n")'
}

# all_blocks PAGE - those of every section that are JSON
json_blocks() {
    awk '/^\.Bd/ { text = ""; open = 1; next }
        /^\.Ed/ { if (open) print text; open = 0; next }
        open { gsub(/\\e/, "\\"); gsub(/\\&/, ""); text = text $0 "\f" }
    ' "$ROOT/man/$1" | jq -R 'split("\f") | join("\n") | select(startswith("{\"'"$2"'\""))'
}

@test "kv-benchmark.5: each primitive passes and fails what its line says" {
    # a case a line: the template, the value, and what is to come of it
    blocks kv-benchmark.5 PRIMITIVES | jq -c '
        def value: capture("^(?<v>.*?)( with (?<credit>[0-9.]+))?$")
            | {value: (.v | fromjson), credit: (.credit // "none" | fromjson? // null)};
        split("\n") as $l | $l[:-1] as $check | $l[-1]
        | capture("^(?<type>\\w+) (?<right>.*): passes (?<passes>.*); fails (?<fails>.*)$") as $c
        | ($c.right | fromjson) as $right
        | ({pass: true} + ($c.passes | value), {pass: false} + ($c.fails | value))
        | .credit //= (if .pass then 1 else 0 end)
        | . + {template: {fields: [{name: "x", type: $c.type, description: "a value",
            ground_truth: $right, verify_with: ($check | join("") | fromjson),
            literal_values: [$right, .value | strings]}
            | if .type == "literal" then . else del(.literal_values) end]}}' >cases
    assert [ "$(wc -l <cases)" -gt 40 ]
    jq -c '{template, parsed: {x: .value}, trace: (.value | strings // "")}' cases | kv-rejudge >got
    jq -nr --slurpfile cases cases --slurpfile got got '
        [$cases, $got] | transpose[] | . as [$want, $got]
        | select($got.verify_result != $want.pass or $got.verify_granular_result != $want.credit)
        | "\($want.template.fields[0].verify_with): \($want.value) gives \($got)"' >wrong
    assert [ "$(wc -l <got)" -eq "$(wc -l <cases)" ]
    assert_equal "$(cat wrong)" ''
}

@test "kv-benchmark.5: every primitive is shown, and no other" {
    sed -n 's/^    {"\([A-Z][A-Za-z]*\)", KV_FACT.*/\1/p' "$ROOT/lib/template/primitive.c" | sort >known
    assert [ "$(wc -l <known)" -gt 20 ]
    blocks kv-benchmark.5 PRIMITIVES | jq -r 'split("\n")[0] | capture("\"type\":\"(?<t>\\w+)\"").t' |
        sort -u >shown
    echo SemanticMatch >>known # it has no case: it cannot pass
    assert_equal "$(comm -23 <(sort -u known) shown)" SemanticMatch
    assert_equal "$(comm -13 <(sort -u known) shown)" ''
    sed -n 's/^\.It Ic //p' "$ROOT/man/kv-benchmark.5" | sort | diff - <(sort -u known)
}

@test "kv-benchmark.5: what the judge says is taken or refused as the lines of field types say" {
    blocks kv-benchmark.5 'FIELD TYPES' | jq -c '
        split("\n")[] | capture("^(?<type>\\w+)(?<literals> \\[.*?\\])? takes (?<takes>.*); refuses (?<refuses>.*)$")
        | . as $c | ((.takes | "[\(.)]" | fromjson[] | {ok: true, value: .}),
            (.refuses | "[\(.)]" | fromjson[] | {ok: false, value: .}))
        | . + {source: {fields: [{name: "x", type: $c.type, description: "a value", ground_truth: null,
            verify_with: {type: "LiteralMatch"}}
            + if $c.literals then {literal_values: ($c.literals | fromjson)} else {} end]},
            judge_output: {x: .value} | tojson, raw_llm_response: ""}' >cases
    assert [ "$(wc -l <cases)" -gt 20 ]
    jq -c 'del(.ok, .value)' cases | kvtest judge --share "$ROOT_SHARE" >got
    assert_equal "$(jq -nr --slurpfile cases cases --slurpfile got got '[$cases, $got] | transpose[]
        | select((.[1].parse_error == null) != .[0].ok) | "\(.[0].source.fields[0].type) \(.[0].value): \(.[1])"')" ''
}

@test "kv-benchmark.5: every example is a benchmark that kv-manifest takes" {
    jq -n '{answering_models: [{id: "a", model_name: "m", interface: "openrouter"}],
        parsing_models: [{id: "j", model_name: "j", interface: "openrouter"}],
        evaluation_mode: "template_and_rubric"}' >preset.json
    jq '.evaluation_mode = "rubric_only"' preset.json >rubric.json
    json_blocks kv-benchmark.5 question >blocks
    assert [ "$(wc -l <blocks)" -ge 6 ]
    while IFS= read -r block; do
        jq -r . <<<"$block" >bench.jsonl
        preset=preset.json
        grep -q '"template":' bench.jsonl || preset=rubric.json
        run --separate-stderr kv-manifest -b bench.jsonl -c "$preset" --print
        assert_success
        assert_stderr ''
        assert [ -n "$output" ]
    done <blocks
}

@test "kv-config.5: every example is a configuration that kv-manifest takes" {
    echo '{"question":"q","template":{"fields":[{"name":"n","type":"int","description":"d","ground_truth":4,"verify_with":{"type":"NumericExact"}}]}}' >bench.jsonl
    json_blocks kv-config.5 config >blocks
    assert [ "$(wc -l <blocks)" -ge 3 ]
    while IFS= read -r block; do
        jq -r . <<<"$block" >preset.json
        run --separate-stderr kv-manifest -b bench.jsonl -c preset.json --print
        assert_success
        assert_stderr ''
    done <blocks
}

@test "kv-config.5: every service and its variables stand in the table" {
    sed -n '/^static const struct kv_.* table\[\] = {/,/^};/p' "$ROOT/lib/model/services.c" |
        grep -oE '"[A-Z][A-Z_]+_(KEY|TOKEN|URL|ENDPOINT|HOST)"' | tr -d '"' | sort -u >coded
    assert [ "$(wc -l <coded)" -gt 20 ]
    missing=
    while IFS= read -r name; do
        grep -qE "Ev .*\\b$name\\b|Ta Ev $name" "$ROOT/man/kv-config.5" || missing="$missing $name"
    done <coded
    # older spellings of the same, not told to newcomers
    assert_equal "$missing" ' ANTHROPIC_API_URL ANTHROPIC_AUTH_TOKEN GEMINI_API_KEY'
}
