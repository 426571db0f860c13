# What a judge said, and what follows from it.
load ../helper
load ../agree

@test "verify: every recorded reply is parsed and judged as karenina does" {
    jq -nc --slurpfile templates "$DATA/templates/templates.jsonl" 'inputs
        | {source: $templates[.template].source, judge_output: (.judge_output | tojson), raw_llm_response}' \
        "$DATA/templates/template-runs.jsonl" | judge-check --share "$ROOT/share" >got
    # Deviations, by template: 26, 27 a trace field is judged on the trace although the judge does
    # not speak of it; 29 a trace-only template needs no default.
    run agree '
        def first_words: sub("^Parsing failed: "; "") | sub("(?s)[:\n].*"; "");
        .want as $w | .got as $g
        | if $w.parse_error then ($g.parse_error | first_words) == ($w.parse_error | first_words)
          else ($w | {parsed, parsed_gt, verify_result, verify_granular_result, field_results,
              field_scores, field_verification_error, composition_strategy}) == ($g | del(.parse_error))
          end' "$DATA/templates/template-runs.jsonl" got .template
    local expected
    expected=$(printf 'disagrees: %s\n' 26 26 26 26 26 26 26 26 26 26 27 27 27 27 27 27 27 27 27 27 29 29 29 29 29 29)
    assert_output "$expected
464/490"
}

@test "verify: every value is fitted to a field of every type as pydantic fits it" {
    jq -c '{source: ("class Answer(BaseAnswer):\n    z: str = VerifiedField(\"d\", \"x\", ExactMatch())\n    p: "
            + .type + if .verified then " = VerifiedField(\"d\", \"x\", ExactMatch())" else " = Field(description=\"d\")" end),
        judge_output, raw_llm_response: ""}' "$DATA/templates/fits.jsonl" | judge-check --share "$ROOT/share" >got
    run agree '(.got.error == null) and (.want.parsed | tojson) == (.got.parsed | tojson)' "$DATA/templates/fits.jsonl" got
    assert_output "$(grep -c '' "$DATA/templates/fits.jsonl" | sed 's|.*|&/&|')"
}

@test "verify: with a trace field the verdict is that of the trace" {
    local source='class Answer(BaseAnswer):
    a: str = VerifiedField("d", "x", ExactMatch())
    cites: bool = VerifiedField("d", True, TraceRegex(pattern=r"\[\d+\]"))'
    while IFS='|' read -r reply trace want; do
        echo "$reply $trace"
        run judge-check --share "$ROOT/share" \
            <<<"$(jq -nc --arg s "$source" --arg r "$reply" --arg t "$trace" \
                '{source: $s, judge_output: $r, raw_llm_response: $t}')"
        assert_equal "$(jq -c '[.verify_result, .verify_granular_result, .field_results, .parsed]' <<<"$output")" "$want"
    done <<'CASES'
{"a":"x"}|as said [1]|[true,1,{"a":true,"cites":true},{"a":"x"}]
{"a":"x"}|as said|[false,0.5,{"a":true,"cites":false},{"a":"x"}]
{"a":"x","cites":false}|as said [1]|[true,1,{"a":true,"cites":true},{"a":"x","cites":false}]
CASES
}

@test "verify: the object is found in a reply where karenina finds it" {
    jq -c '{op: "extract", text}' "$DATA/verify/json-extraction.jsonl" | fact-check >got
    run agree '(.want | {extracted, mixed_text_variant, check_variant}) == .got' "$DATA/verify/json-extraction.jsonl" got .text
    assert_output '44/44'
}

@test "verify: the last message of a trace is karenina's" {
    jq -c '{op: "message", text: .trace}' "$DATA/verify/final-message.jsonl" | fact-check >got
    run agree '.want.message == .got.message and .want.error == .got.error' "$DATA/verify/final-message.jsonl" got .trace
    assert_output '24/24'
}

@test "verify: almost-JSON is mended, and nothing is made up" {
    while IFS='|' read -r text want; do
        echo "$text"
        run fact-check <<<"$(jq -nc --arg t "$(printf '%b' "$text")" '{op: "reply", text: $t}')"
        assert_equal "$(jq -r '.reply // .error' <<<"$output")" "$want"
    done <<'CASES'
{"a": 1,}|{"a":1}
{'a': 'it\\'s'}|{"a":"it's"}
{a: True, b: None, c: False}|{"a":true,"b":null,"c":false}
{"a": 1, "b": [1, 2|{"a":1,"b":[1,2]}
{"a": "cut of|{"a":"cut of"}
{"a": 1, "b"|{"a":1}
{"a": 1, "b":|{"a":1}
Sure! {"a": 1 // one\n, "b": 2}|{"a":1,"b":2}
{"a": "two\nlines"}|{"a":"two\nlines"}
{"a": plain words, "b": 2}|{"a":"plain words","b":2}
{"a": 1 "b": 2}|{"a":1,"b":2}
```json\n{"a": [1, 2,]}\n```|{"a":[1,2]}
[1, 2]|no JSON object in the reply: [1, 2]
no braces|no JSON object in the reply: no braces
CASES
}

@test "verify: a reply of nothing but open braces is read in reasonable time" {
    jq -nc '{op: "reply", text: ("{" * 300000)}' >in
    run timeout 20 fact-check <in
    assert_success
}

@test "verify: what does not fit says which field, what was wanted and what came" {
    local source='class Answer(BaseAnswer):
    a: int = VerifiedField("d", 1, NumericExact())
    b: Literal["x", "y"] = VerifiedField("d", "x", LiteralMatch())'
    run judge-check --share "$ROOT/share" <<<"$(jq -nc --arg s "$source" \
        '{source: $s, judge_output: "{\"a\":\"five\",\"b\":\"z\"}", raw_llm_response: ""}')"
    assert_equal "$(jq -r .parse_error <<<"$output")" \
        '2 validation errors for Answer__Relaxed: a: must be a whole number, not "five"; b: must be one of the values allowed (["x","y"]), not "z"'
}
