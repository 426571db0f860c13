# What a judge said, and what follows from it.
load ../helper
load ../agree

@test "verify: every recorded reply is parsed and judged as karenina does" {
    jq -nc --slurpfile templates "$DATA/templates/templates.jsonl" 'inputs
        | {source: $templates[.template].source, judge_output: (.judge_output | tojson), raw_llm_response}' \
        "$DATA/templates/template-runs.jsonl" | kvtest judge --share "$ROOT/share" >got
    # Deviations, by template: 26, 27 a trace field is judged on the trace although the judge does
    # not speak of it; 29 a trace-only template needs no default; 40 the text "false" as ground
    # truth is false. Once in each template an object without any of the fields: no answer here.
    run agree '
        def first_words: sub("^Parsing failed: "; "") | sub("(?s)[:\n].*"; "");
        .want as $w | .got as $g
        | if $w.judge_output == {} and $w.judge_called then
            $g.parsed == null and ($g.parse_error | contains("none of what is asked for"))
          elif $w.parse_error then ($g.parse_error | first_words) == ($w.parse_error | first_words)
          else ($w | {parsed, parsed_gt, verify_result, verify_granular_result, field_results,
              field_scores, field_verification_error, composition_strategy}) == ($g | del(.parse_error))
          end' "$DATA/templates/template-runs.jsonl" got .template
    local expected
    expected=$(printf 'disagrees: %s\n' 26 26 26 26 26 26 26 26 26 27 27 27 27 27 27 27 27 27 29 29 29 29 29 29 40 40 40 40 40)
    assert_output "$expected
461/490"
}

@test "verify: every value is fitted to a field of every type as pydantic fits it" {
    jq -c '{source: ("class Answer(BaseAnswer):\n    z: str = VerifiedField(\"d\", \"x\", ExactMatch())\n    p: "
            + .type + if .verified then " = VerifiedField(\"d\", \"x\", ExactMatch())" else " = Field(description=\"d\")" end),
        judge_output, raw_llm_response: ""}' "$DATA/templates/fits.jsonl" | kvtest judge --share "$ROOT/share" >got
    # Deviations: an object without the field says nothing, and a word may have white space around it.
    run agree '(.got.error == null) and
        if .want.judge_output | startswith("{\"id\"") then .got.parsed == null
        elif .want.type == "bool" and .want.judge_output == "{\"p\":\"TRUE \"}" then .got.parsed == {p: true}
        elif .want.type == "bool" and .want.judge_output == "{\"p\":\" true\"}" then .got.parsed == {p: true}
        else (.want.parsed | tojson) == (.got.parsed | tojson) end' "$DATA/templates/fits.jsonl" got
    assert_output "$(grep -c '' "$DATA/templates/fits.jsonl" | sed 's|.*|&/&|')"
}

@test "verify: with a trace field the verdict is that of the trace" {
    local source='class Answer(BaseAnswer):
    a: str = VerifiedField("d", "x", ExactMatch())
    cites: bool = VerifiedField("d", True, TraceRegex(pattern=r"\[\d+\]"))'
    while IFS='|' read -r reply trace want; do
        echo "$reply $trace"
        run kvtest judge --share "$ROOT/share" \
            <<<"$(jq -nc --arg s "$source" --arg r "$reply" --arg t "$trace" \
                '{source: $s, judge_output: $r, raw_llm_response: $t}')"
        assert_equal "$(jq -c '[.verify_result, .verify_granular_result, .field_results, .parsed]' <<<"$output" | values)" "$want"
    done <<'CASES'
{"a":"x"}|as said [1]|[true,1,{"a":true,"cites":true},{"a":"x"}]
{"a":"x"}|as said|[false,0.5,{"a":true,"cites":false},{"a":"x"}]
{"a":"x","cites":false}|as said [1]|[true,1,{"a":true,"cites":true},{"a":"x","cites":false}]
CASES
}

@test "verify: the object is found in a reply where karenina finds it" {
    jq -c '{op: "reply", text}' "$DATA/verify/json-extraction.jsonl" | kvtest facts >got
    # What is no object is none, and what cannot be parsed is no verdict there either. Deviations:
    # one item in a list is that item; two fences, or two objects side by side, that say different
    # things are neither; almost-JSON is repaired; a broken fence does not hide a whole object.
    run agree '
        def object: try (fromjson | if type == "object" then tojson else null end) catch null;
        (.got.reply | if . then object else . end) == (.want.extracted | if . then object else . end)
        ' "$DATA/verify/json-extraction.jsonl" got '.text | tojson'
    assert_output 'disagrees: "{'"'a': 1}"'"
disagrees: "{\"a\": 1,}"
disagrees: "prefix ```json\n{\"a\":1}\n``` mid ```json\n{\"a\":2}\n``` end"
disagrees: "{\"a\":1}{\"b\":2}"
disagrees: "[{\"a\":1}]"
disagrees: "{\"a\": \"line\nbreak\"}"
disagrees: "```json\n{broken\n```\n{\"c\":3}"
disagrees: "out {\"a\": 1\\} {\"b\": 2}"
disagrees: "pre [{\"a\": 1}, {\"z\": 2}] post"
35/44'
}

@test "verify: the last message of a trace is karenina's" {
    jq -c '{op: "message", text: .trace}' "$DATA/verify/final-message.jsonl" | kvtest facts >got
    run agree '.want.message == .got.message and .want.error == .got.error' "$DATA/verify/final-message.jsonl" got .trace
    assert_output '24/24'
}

@test "verify: a reply says what a reader takes it to say, and what would be guessed is asked again" {
    # Judged against what it says the verdict is true, against anything else false; and where it says
    # nothing certain there is no verdict.
    jq -c '
        {int: 1, str: "other", bool: null, float: 1.5, list_str: ["other"]} as $other
        | {int: {type: "NumericExact"}, str: {type: "ExactMatch", normalize: []}, bool: {type: "BooleanMatch"},
            float: {type: "NumericExact"}, list_str: {type: "OrderedMatch", normalize: []}} as $checks
        | (.fields // {n: "int", s: "str"}) as $fields | . as $row
        | (false, true) as $wrong
        | {fields: [$fields | to_entries[] | .key as $name | .value as $type | {name: $name, type: $type,
            description: "d", verify_with: $checks[$type],
            ground_truth: ($row.says // {} | .[$name] | if . == null then ($other[$type] // true)
                elif $wrong then (if $type == "bool" then not else $other[$type] end) else . end)}]} as $template
        | {source: ($template | tojson), judge_output: $row.said, raw_llm_response: ""}' \
        "$DATA/judge/replies.jsonl" >questions
    kvtest judge --share "$ROOT/share" <questions | jq -cn '[inputs] | range(0; length; 2) as $i
        | {right: .[$i], wrong: .[$i + 1]}' >got
    run agree '
        def known: with_entries(select(.value != null));
        .want as $w | (.want.fields // {n: "int", s: "str"}) as $fields | .got as $g
        | if $w.says == null then $g.right.parsed == null and $g.right.verify_result == null
            and $g.wrong.verify_result == null and ($g.right.parse_error | length > 10)
          else ($w.says | known) as $said
            | ($g.right.parsed | with_entries(select(.key | in($fields)))) == $said
            and $g.right.verify_result == ($said == $w.says) and $g.wrong.verify_result == false
          end' "$DATA/judge/replies.jsonl" got .why
    assert_output "$(grep -c '' "$DATA/judge/replies.jsonl" | sed 's|.*|&/&|')"
    [ "$(grep -c '' "$DATA/judge/replies.jsonl")" -ge 150 ]
}

@test "verify: a truth value is what the word says, for a field, for a check and for a trait" {
    local row=0 said
    jq -c '.said as $v | {fields: [{name: "b", type: "bool", description: "d", ground_truth: true,
            verify_with: {type: "BooleanMatch"}}]} as $t
        | {source: ($t | tojson), judge_output: ({b: $v} | tojson), raw_llm_response: ""}' \
        "$DATA/judge/truths.jsonl" | kvtest judge --share "$ROOT/share" | jq -c .parsed.b >field
    jq -c '{checked: "abstention", reply: ({reasoning: "r", abstention_detected: .said} | tojson)}' \
        "$DATA/judge/truths.jsonl" | kvtest judge --share "$ROOT/share" | jq -c 'if .error then null else .value end' >abstention
    jq -c '{checked: "sufficiency", reply: ({sufficient: .said} | tojson)}' \
        "$DATA/judge/truths.jsonl" | kvtest judge --share "$ROOT/share" | jq -c 'if .error then null else .value end' >sufficiency
    jq -c '{boolean: .said}' "$DATA/judge/truths.jsonl" |
        kvtest judge --share "$ROOT/share" | jq -c 'if .error then null else .value end' >trait
    jq -c .says "$DATA/judge/truths.jsonl" >says
    for reader in field abstention sufficiency trait; do
        run paste says $reader
        assert_output "$(paste says says)"
    done
}

@test "verify: a score is exactly what was said, or none" {
    jq -c '{score: .said, min: -5, max: 5}' "$DATA/judge/scores.jsonl" |
        kvtest judge --share "$ROOT/share" | jq -c 'if .error then null else .value end' >got
    jq -c .says "$DATA/judge/scores.jsonl" >says
    run paste says got
    assert_output "$(paste says says)"
}

@test "verify: what a template's own word for no is compared with is not true" {
    while IFS='|' read -r said want; do
        echo "$said"
        run kvtest judge --share "$ROOT/share" <<<"{\"primitive\":{\"type\":\"BooleanMatch\"},\"extracted\":$said,\"expected\":true}"
        assert_equal "$(jq -c .field_results.x <<<"$output")" "$want"
    done <<'CASES'
"yes"|true
"no"|false
"false"|false
"incorrect"|false
"N/A"|false
"never"|false
CASES
}

@test "verify: a reply of nothing but open braces is read in reasonable time" {
    jq -nc '{op: "reply", text: ("{" * 300000)}' >in
    run timeout 20 kvtest facts <in
    assert_success
}

@test "verify: what does not fit says which field, what was wanted and what came" {
    local source='class Answer(BaseAnswer):
    a: int = VerifiedField("d", 1, NumericExact())
    b: Literal["x", "y"] = VerifiedField("d", "x", LiteralMatch())'
    run kvtest judge --share "$ROOT/share" <<<"$(jq -nc --arg s "$source" \
        '{source: $s, judge_output: "{\"a\":\"five\",\"b\":\"z\"}", raw_llm_response: ""}')"
    assert_equal "$(jq -r .parse_error <<<"$output")" \
        '2 validation errors for Answer__Relaxed: a: must be a whole number, not "five"; b: must be one of the values allowed (["x","y"]), not "z"'
}
