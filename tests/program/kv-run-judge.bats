# kv-run: what a judge said is what the result says, or the result says that it was not to be had.
load ../helper
load ../quiz

setup() {
    kv_setup
    export OPENAI_API_KEY=sk-canary-Zq7wX31vLmT9
}

# says REPLY... - a judge that gives these replies (text), one after the other, the last one again
says() {
    jq -nc '{rules: [$ARGS.positional as $all | range($all | length) as $i
        | {when: ({judge: true} + if $i < ($all | length) - 1 then {first: 1} else {} end), do: {reply: $all[$i]}}]}' \
        --args "$@" >script.json
}

# judged [JQ] - one question, whose n is 1, answered and judged into the file row
judged() {
    bench 1
    start_provider --answers answers.jsonl --script script.json
    quiz_preset 1 "${1:-.}"
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    kv-run r.json.state >row 2>err || true
}

verdict() {
    jq -c .template.verify_result row
}

@test "judge: 1,000 is not taken for 1, but asked again, and with no better reply there is no verdict" {
    says '{"n": 1,000}'
    judged
    assert_equal "$(verdict)" null
    assert_equal "$(asked .judge)" 3
    run jq -r '.metadata.failure | .stage, .reason' row
    assert_line -n 0 ParseTemplate
    assert_line -n 1 --partial "Parsing failed: the JSON is not certain at '000}'"
}

@test "judge: what was wrong with a reply is told to the judge, and the next one counts" {
    says '{"n": 1,000}' '{"n": 1}'
    judged
    assert_equal "$(verdict)" true
    assert_equal "$(asked .judge)" 2
    says '{"n": 1,000}'
    jq '.rules = [{when: {judge: true, contains: "previous reply could not be used: the JSON is not certain"},
        do: {reply: {n: 1}}}] + .rules' script.json >told.json && mv told.json script.json
    stop_provider
    rm -rf r.json* .r.json* "$JOURNAL"
    judged
    assert_equal "$(verdict)" true
    assert_equal "$(asked .judge)" 2
}

@test "judge: an empty object, another case, a wrapper or an error is not a wrong answer" {
    while IFS='|' read -r reply times; do
        rm -rf r.json* .r.json*
        says "$reply" '{"n": 1}'
        judged
        assert_equal "$reply: $(verdict), asked $(asked .judge)" "$reply: true, asked $times"
        stop_provider
        rm "$JOURNAL"
    done <<'CASES'
{}|2
{"N": 1}|1
{"Answer": {"n": 1}}|1
{"error": "I could not evaluate this"}|2
{"type": "object", "properties": {"n": {"type": "integer"}}}|2
CASES
}

@test "judge: a check that says true in a string has said true" {
    says '{"reasoning": "r", "sufficient": "true", "n": 1}'
    judged '.sufficiency_enabled = true'
    assert_equal "$(jq -c '.template | [.sufficiency_check_performed, .sufficiency_detected, .verify_result]' row)" \
        '[true,true,true]'
    stop_provider
    rm -rf r.json* .r.json*
    says '{"reasoning": "r", "abstention_detected": "True.", "n": 1}'
    judged '.abstention_enabled = true'
    assert_equal "$(jq -c '.template | [.abstention_check_performed, .abstention_detected, .verify_result]' row)" \
        '[true,true,false]'
}

@test "judge: a check that says neither true nor false was not performed, and the result says so" {
    says '{"reasoning": "r", "abstention_detected": "maybe", "n": 1}'
    judged '.abstention_enabled = true'
    assert_equal "$(jq -c '.template | [.abstention_check_performed, .abstention_detected, .verify_result]' row)" \
        '[false,false,true]'
    assert_equal "$(jq -r '.metadata.warnings[]' row)" \
        'Abstention check not performed: abstention_detected: must be true or false, not "maybe"'
    assert_equal "$(asked .judge)" 4
}

# rubric_bench - one question with the traits Polite (boolean) and Depth (1 to 5)
rubric_bench() {
    jq -nc '{"@context": {}, "@type": "DataFeed", name: "b", dateCreated: "x", dateModified: "x",
        rating: [{"@type": "Rating", name: "Polite", description: "is polite", bestRating: 1, worstRating: 0,
                additionalType: "GlobalRubricTrait", additionalProperty: []},
            {"@type": "Rating", name: "Depth", description: "how deep", bestRating: 5, worstRating: 1,
                additionalType: "GlobalRubricTrait", additionalProperty: []}],
        dataFeedElement: [{"@type": "DataFeedItem", "@id": "q1", dateCreated: "x", dateModified: "x",
            item: {"@type": "Question", text: "What is number 1?", acceptedAnswer: {"@type": "Answer", text: "1"},
                hasPart: {"@type": "SoftwareSourceCode", name: "t", text:
                    "class Answer(BaseAnswer):\n    n: int = VerifiedField(description=\"n\", ground_truth=1, verify_with=NumericExact())\n"},
                additionalProperty: [{"@type": "PropertyValue", name: "finished", value: true}]}}]}' >bench.jsonld
}

# rated STRATEGY - the question answered, judged and rated into the file row
rated() {
    rm -rf r.json* .r.json*
    rubric_bench
    bench 1
    start_provider --answers answers.jsonl --script script.json
    quiz_preset 1 '.evaluation_mode = "template_and_rubric" | .rubric_evaluation_strategy = "'"$1"'"'
    kv-manifest -b bench.jsonld -c preset.json -o r.json >/dev/null
    kv-run r.json.state >row 2>err || true
    stop_provider
}

@test "judge: a trait is not passed by incorrect, fail, N/A or never, in batch and in sequence" {
    for word in incorrect fail N/A never; do
        says "$(jq -nc --arg w "$word" '{n: 1, scores: {Polite: $w, Depth: 4}, result: $w, score: 4}')"
        for strategy in batch sequential; do
            rated $strategy
            echo "$word $strategy"
            assert_equal "$(jq -c .rubric.llm_trait_scores row)" '{"Depth":4}'
            assert_equal "$(jq -r '.metadata.warnings[]' row)" \
                "Rubric trait 'Polite' has no value: must be true or false, not \"$word\""
            assert_equal "$(grep -c "q1: Rubric trait 'Polite' has no value" err)" 1
        done
    done
}

@test "judge: no word and false with a full stop are false of a trait, in batch and in sequence" {
    for word in No False. ' FALSE '; do
        says "$(jq -nc --arg w "$word" '{n: 1, scores: {Polite: $w, Depth: "4.0"}, result: $w, score: "4.0"}')"
        for strategy in batch sequential; do
            rated $strategy
            echo "$word $strategy"
            assert_equal "$(jq -c '[.rubric.llm_trait_scores, .metadata.warnings]' row)" \
                '[{"Polite":false,"Depth":4},[]]'
        done
    done
}

@test "judge: a score of 4.7 is no score and loses its trait alone, in batch and in sequence" {
    says '{"n": 1, "scores": {"Polite": true, "Depth": 4.7}, "result": true, "score": 4.7}'
    for strategy in batch sequential; do
        rated $strategy
        assert_equal "$(jq -c .rubric.llm_trait_scores row)" '{"Polite":true}'
        assert_equal "$(jq -r '.metadata.warnings[]' row)" \
            "Rubric trait 'Depth' has no value: must be a whole number, not 4.7"
    done
}

@test "judge: a score beyond its limits is counted as the limit, and the result says what was given" {
    says '{"n": 1, "scores": {"Polite": true, "Depth": 99}, "result": true, "score": 99}'
    for strategy in batch sequential; do
        rated $strategy
        assert_equal "$(jq -c .rubric.llm_trait_scores row)" '{"Polite":true,"Depth":5}'
        assert_equal "$(jq -r '.metadata.warnings[]' row)" \
            "Rubric trait 'Depth' was given 99, which is not from 1 to 5: counted as 5"
    done
}

@test "judge: traits in another case, or not under scores, are found" {
    for reply in '{"n": 1, "scores": {"polite": true, "depth": 2}}' '{"Polite": true, "Depth": 2, "n": 1}' \
        '{"n": 1, "result": {"scores": {"Polite": true, "Depth": 2}}}'; do
        says "$reply"
        rated batch
        echo "$reply"
        assert_equal "$(jq -c '[.rubric.llm_trait_scores, .metadata.warnings]' row)" '[{"Polite":true,"Depth":2},[]]'
    done
}

@test "judge: a reply about no trait is asked again" {
    jq -nc '{rules: [{when: {judge: true, contains: "JSON schema of the object"}, do: {reply: {n: 1}}},
        {when: {judge: true, first: 1}, do: {reply: {scores: {}}}},
        {when: {judge: true}, do: {reply: {scores: {Polite: false, Depth: 3}}}}]}' >script.json
    rated batch
    assert_equal "$(jq -c '[.rubric.llm_trait_scores, .metadata.warnings]' row)" '[{"Polite":false,"Depth":3},[]]'
    assert_equal "$(asked .judge)" 3
}

@test "judge: a number that is none earns no credit" {
    says '{"x": "nan"}'
    bench 1
    jq -c '.template.fields = [{name: "x", type: "float", description: "d", ground_truth: 1,
        verify_with: {type: "NumericRangeGraded", min: 0, max: 2, margin: 1}}]' bench.jsonl >b && mv b bench.jsonl
    start_provider --answers answers.jsonl --script script.json
    quiz_preset 1
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    kv-run r.json.state >row
    assert_equal "$(jq -c '.template | [.verify_result, .verify_granular_result, .field_scores]' row | values)" '[false,0,{"x":0}]'
}

@test "judge: a server that takes a schema and does not obey it is asked in another way, told once" {
    jq -nc '{rules: [{when: {judge: true, first: 2}, do: {reply: "It says one."}},
        {when: {judge: true, contains: "previous reply"}, do: {reply: {n: 1}}}]}' >script.json
    bench 4
    start_provider --answers answers.jsonl --script script.json --bodies bodies.jsonl
    quiz_preset 1 '.async_max_workers = 1'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    kv-run r.json.state >rows 2>err
    stop_provider
    assert_equal "$(jq -c .template.verify_result rows | sort | uniq -c | tr -s ' ')" ' 4 true'
    assert_equal "$(jq -c 'select(.model == "judge") | if .tools then "tool" else .response_format.type end' bodies.jsonl |
        uniq -c | tr -s ' ' | paste -sd ,)" ' 2 "json_schema", 4 "tool"'
    assert_equal "$(grep -c 'does not obey a schema: asking in another way, tool' err)" 1
}
