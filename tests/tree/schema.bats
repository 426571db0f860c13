# share/schema: what an editor is told of a benchmark and a preset is what the programs take.
load ../helper

setup() {
    kv_setup
    BENCH=$ROOT/share/schema/kv-benchmark.json
    CONFIG=$ROOT/share/schema/kv-config.json
}

# wrong SCHEMA FILE... - what is wrong with the values of the files
wrong() {
    local schema=$1
    shift
    jq -r -L "$ROOT/tests" --slurpfile schema "$schema" 'include "schema"; wrong($schema[0])' "$@"
}

# names TEXT - the list of a message that says which names are known, sorted
names() {
    sed -n 's/.*known are //p' <<<"$1" | tr -d ' ' | tr ',' '\n' | sort
}

# check_known DEF PATH QUESTION - the members of a definition of the schema are those that kv names when it
# is given one more, at a path of a question
check_known() {
    echo "$1"
    jq -c "$2 += {zzzzzzzzzzzz: 1}" <<<"$3" >bench.jsonl
    run kv-manifest --check -b bench.jsonl
    assert_failure 3
    names "$(grep zzzzzzzzzzzz <<<"$output")" >said
    assert [ -s said ]
    jq -r ".[\"\$defs\"].$1.properties | keys[]" "$BENCH" | sort | diff - said
}

# field PRIMITIVE - a question with one field, checked so
field() {
    jq -nc --argjson with "$1" '{question: "q", template: {fields: [{name: "x", type: "bool", description: "d",
        ground_truth: true, verify_with: $with}]}}'
}

@test "schema: members of questions, templates, fields, strategies and traits are those that kv knows" {
    q=$(field '{"type":"BooleanMatch"}')
    check_known question . "$q"
    check_known template .template "$q"
    check_known field '.template.fields[0]' "$q"
    check_known strategy .template.verify_strategy "$(jq -c '.template.verify_strategy = {type: "all_of"}' <<<"$q")"
    check_known rubric .rubric "$(jq -c '.rubric = {}' <<<"$q")"
    for t in llm regex metric; do
        check_known ${t}_trait ".rubric.${t}_traits[0]" \
            "$(jq -c ".rubric.${t}_traits = [{name: \"n\", kind: \"boolean\", metrics: [\"recall\"], tp_instructions: [\"x\"]}]" <<<"$q")"
    done
}

@test "schema: words to choose from are those that kv knows" {
    while IFS='|' read -r where edit; do
        echo "$where"
        field '{"type":"ExactMatch"}' | jq -c "$edit" >bench.jsonl
        run kv-manifest --check -b bench.jsonl
        assert_failure 3
        diff <(jq -r ".[\"\$defs\"].$where" "$BENCH" | sed 's|.*/||' | sort) <(names "$(grep "'zzzzzzzzzzzz'" <<<"$output")")
    done <<'CASES'
field.properties.type.enum[]|.template.fields[0].type = "zzzzzzzzzzzz"
strategy.properties.type.enum[]|.template.verify_strategy = {type: "zzzzzzzzzzzz"}
normalizer.anyOf[0].enum[]|.template.fields[0].verify_with.normalize = ["zzzzzzzzzzzz"]
field.properties.verify_with.anyOf[]["$ref"]|.template.fields[0].verify_with.type = "zzzzzzzzzzzz"
CASES
}

@test "schema: parameters of each primitive, and their defaults, are those that kv writes" {
    # a value that the schema takes for each parameter that is required
    jq -c '.["$defs"] as $d | $d.field.properties.verify_with.anyOf[]["$ref"][8:] | . as $name | $d[$name] as $p
        | {type: $name} + ([$p.required[] | select(. != "type") | . as $k | $p.properties[$k]
            | {($k): (if .enum then .enum[0] elif .type == "string" then "x" elif .type == "array" then ["x"] else 1 end)}] | add // {})
        | if .type == "NumericRangeGraded" then .max = 2 else . end' "$BENCH" >withs
    assert [ "$(wc -l <withs)" -gt 20 ]
    jq -c '{source: {fields: [{name: "x", type: "bool", description: "d", ground_truth: true, verify_with: .}]}}' withs |
        kvtest template | jq -c '.fields[0].verify_with' >dumped
    # everything that is written is a property; what was not given is its default
    assert_equal "$(jq -nc --slurpfile schema "$BENCH" --slurpfile given withs --slurpfile dumped dumped '
        [$given, $dumped] | transpose[] | . as [$g, $d] | $schema[0]["$defs"][$g.type].properties as $p
        | ($g + ($p | with_entries(select(.value | has("default")) | .value |= .default) | with_entries(select(.key as $k | $g | has($k) | not))))
        | select(. != $d) | [., $d]')" ''
    # and kv knows no other
    while IFS= read -r with; do
        check_known "$(jq -r .type <<<"$with")" '.template.fields[0].verify_with' "$(field "$with")"
    done <withs
}

@test "schema: members of a configuration, and their defaults, are those that a state records" {
    echo '{"question":"q","template":{"fields":[{"name":"n","type":"int","description":"d","ground_truth":4,"verify_with":{"type":"NumericExact"}}]}}' >bench.jsonl
    jq -n '{id: "a", model_name: "m", interface: "openrouter", agent_runtime: {}, agent_middleware: {},
            retry_policy: {timeout_escalation: {strategy: "linear", max_timeout: 9}, connection: {}}} as $m
        | {answering_models: [$m], parsing_models: [$m], few_shot_config: {question_configs: {q: {}}}, prompt_config: {},
            deep_judgment_rubric_config: {global_traits: {t: {}}},
            custom_error_patterns: [{pattern: "p", category: "timeout"}]}' >preset.json
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    # what the state has, with what stands for an object of a definition named by it
    jq -c '.config | . as $c | .answering_models[0] as $m
        | {config: $c, model: $m, retry_policy: $c.retry_policy, retry_class: $m.retry_policy.connection,
           timeout_escalation: $m.retry_policy.timeout_escalation, error_pattern: $c.custom_error_patterns[0],
           few_shot: $c.few_shot_config, question_few_shot: $c.few_shot_config.question_configs.q,
           prompts: $c.prompt_config, agent_runtime: $m.agent_runtime, agent_middleware: $m.agent_middleware,
           agent_limits: $m.agent_middleware.limits, agent_model_retry: $m.agent_middleware.model_retry,
           agent_tool_retry: $m.agent_middleware.tool_retry, agent_summarization: $m.agent_middleware.summarization,
           agent_prompt_caching: $m.agent_middleware.prompt_caching,
           deep_judgment_rubric: $c.deep_judgment_rubric_config,
           deep_judgment_trait: $c.deep_judgment_rubric_config.global_traits.t}' r.json.state >recorded
    # of the schema: each definition has these members, but for those that are read and never written
    assert_equal "$(jq -nc --slurpfile schema "$CONFIG" --slurpfile recorded recorded '
        $schema[0]["$defs"] | to_entries[] | .key as $name | .value.properties as $p
        | ($recorded[0][$name] // error("nothing recorded for \($name)")) as $r
        | (($r | keys) - ($p | keys)) as $lacks
        | (($p | keys) - ($r | keys) - ["replay_store", "skip_triples", "manual_traces", "global",
            "deep_judgment_rubric_search_enabled"] | map(select(endswith("_instructions") | not))) as $more
        | select($lacks != [] or $more != []) | {$name, $lacks, $more}')" ''
    # and where they were not given, these values
    assert_equal "$(jq -nc --slurpfile schema "$CONFIG" --slurpfile recorded recorded --slurpfile given preset.json '
        $schema[0]["$defs"] | to_entries[] | .key as $name | .value.properties | to_entries[]
        | select(.value | has("default")) | .key as $k | .value.default as $d
        | select($recorded[0][$name] | has($k))
        | select([$k] | inside(["system_prompt", "id", "model_name", "interface", "retry_policy", "agent_runtime",
            "agent_middleware", "few_shot_config", "prompt_config", "deep_judgment_rubric_config", "max_timeout",
            "custom_error_patterns", "question_configs", "global_traits", "timeout_escalation"]) | not)
        | select($recorded[0][$name][$k] != $d) | [$name, $k, $d, $recorded[0][$name][$k]]')" ''
}

@test "schema: a member of a wrong type, a word and a number out of range are refused by both" {
    echo '{"question":"q"}' >bench.jsonl
    # for each member of a configuration and of a model: values that the schema refuses, and kv must too;
    # of those of one member each in a file of its own
    jq -c '.["$defs"] as $d | ("config", "model") as $name | $d[$name].properties | to_entries[]
        | select(.key as $k | ["rubric_enabled", "deep_judgment_rubric_search_enabled"] | index([$k]) or ($k | endswith("_instructions")) | not)
        | .value as $s | {where: $name, member: .key, bad: [
            ({zzzz: 1} | select(([$s.type] | flatten | index(["object"])) | not)),
            ("zzzz" | select($s.enum)), (select($s.minimum) | $s.minimum - 1),
            (select($s.exclusiveMinimum) | $s.exclusiveMinimum), (select($s.maximum) | $s.maximum + 1)]}' "$CONFIG" >cases
    assert [ "$(jq -s 'map(.bad | length) | add' cases)" -gt 90 ]
    for n in 0 1 2; do
        for where in config model; do
            jq -n --slurpfile cases cases --argjson n $n --arg where $where '
                [$cases[] | select(.where == $where and (.bad | length) > $n) | {(.member): .bad[$n]}] | add // {} | . as $bad
                | {id: "a", model_name: "m", interface: "openrouter"} as $m | {answering_models: [$m], parsing_models: [$m]}
                | if $where == "model" then .answering_models[0] += $bad else . + $bad end' >preset.json
            wrong "$CONFIG" preset.json >by_schema
            run kv-manifest --check -b bench.jsonl -c preset.json
            jq -r --argjson n $n --arg where $where 'select(.where == $where and (.bad | length) > $n).member' cases >members
            while IFS= read -r member; do
                grep -qE "^(\.answering_models\[0\])?\.$member[:.]" by_schema || fail "the schema takes $where.$member of file $n"
                # what is wrong with an interface is told of its model
                [ "$member" = interface ] && [ $n -gt 0 ] && member='answering_models\[0\]'
                grep -qE "preset.json: (answering_models\[0\]\.)?$member(: |[.[])" <<<"$output" || fail "kv takes $where.$member of file $n"
            done <members
        done
    done
}

@test "schema: all that the pages, examples and first benchmarks show is of the schema" {
    cat "$ROOT/share/examples/bench.jsonl" "$ROOT/share/init/bench.jsonl" >all
    printf '%s\n' "$ROOT"/man/kv-benchmark.5 "$ROOT"/man/kv.7 | while IFS= read -r page; do
        awk '/^\.Bd/ { text = ""; open = 1; next } /^\.Ed/ { if (open && text ~ /^\{"question"/) print text; open = 0; next }
            open { gsub(/\\e/, "\\"); gsub(/\\&/, ""); text = text $0 "\n" }' "$page"
    done >>all
    assert [ "$(jq -s length all)" -gt 14 ]
    assert_equal "$(wrong "$BENCH" all)" ''
    awk '/^\.Bd/ { text = ""; open = 1; next } /^\.Ed/ { if (open && text ~ /^\{"config"/) print text; open = 0; next }
        open { gsub(/\\e/, "\\"); text = text $0 "\n" }' "$ROOT/man/kv-config.5" "$ROOT/man/kv.7" >presets
    cat "$ROOT"/share/init/preset/*.json "$ROOT/share/examples/preset.json" "$ROOT/share/demo/preset.json" >>presets
    jq '.config' presets >bare
    assert [ "$(jq -s length presets)" -gt 10 ]
    assert_equal "$(wrong "$CONFIG" presets bare)" ''
}

@test "schema: what kv check finds in a benchmark, the schema finds" {
    while IFS= read -r edit; do
        echo "$edit"
        field '{"type":"NumericTolerance","tolerance":1}' | jq -c "$edit" >bench.jsonl
        [ -n "$(wrong "$BENCH" bench.jsonl)" ]
        run kv-manifest --check -b bench.jsonl
        assert_failure 3
    done <<'CASES'
.templat = {}
.keywords = "x"
.question = 1
.template.fields = []
.template.fields[0].descripton = "d"
del(.template.fields[0].ground_truth)
.template.fields[0].type = "strr"
.template.fields[0].verify_with.type = "NumericExct"
.template.fields[0].verify_with.tolerence = 1
.template.fields[0].verify_with.mode = "abs"
.template.verify_strategy = {type: "any"}
.rubric = {llm_trait: []}
.rubric = {llm_traits: [{name: "x"}]}
.rubric = {metric_traits: [{name: "x", metrics: ["f2"], tp_instructions: ["y"]}]}
CASES
}
