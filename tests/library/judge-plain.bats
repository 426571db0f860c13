# Verdicts that are decided in C are those of the jq programs, and only while these are unchanged.
load ../helper

# same_verdicts FILE: in C and by jq byte for byte; prints how many were decided where
same_verdicts() {
    kvtest judge --count --share "$ROOT/share" <"$1" >in-c 2>count
    kvtest judge --jq --share "$ROOT/share" <"$1" >by-jq
    cmp in-c by-jq && cat count
}

@test "plain rules: over everything that was recorded C decides as jq does" {
    run same_verdicts "$DATA/verify/primitives.jsonl" # what jq is left with raises, or is NaN or infinite
    assert_output '1296 decided in C, 462 by jq'
    run same_verdicts "$DATA/verify/trace.jsonl"
    assert_output '333 decided in C, 4 by jq'
    jq -nc --slurpfile templates "$DATA/templates/templates.jsonl" 'inputs
        | {source: $templates[.template].source, judge_output: (.judge_output | tojson), raw_llm_response}' \
        "$DATA/templates/template-runs.jsonl" >runs
    run same_verdicts runs
    assert_output '373 decided in C, 24 by jq'
}

@test "plain rules: every number against every bound, mode and decay, to the last digit" {
    jq -nc '
        [0, -0, 0.1, 0.3, 1, 1.1, -2.5, 3, 7, 10, 1e-7, 1e300, 0.30000000000000004] as $numbers
        | [true, false] as $flags | ["relative", "absolute"] as $modes | ["linear", "quadratic"] as $decays
        | ({type: "NumericExact"},
           {type: "NumericTolerance", mode: $modes[], tolerance: (0, 0.1, 0.3, 1)},
           {type: ("NumericMinimum", "NumericMaximum"), exclusive: $flags[]},
           {type: "NumericRange", min: (null, 0.3, 1), max: (null, 1.1, 3), exclusive_min: $flags[], exclusive_max: $flags[]},
           {type: "NumericGraded", mode: $modes[], decay: $decays[], cutoff: (0.3, 5), full_credit: (null, 0, 0.1)},
           {type: "NumericRangeGraded", mode: $modes[], decay: $decays[], min: 0.3, max: (1.1, 3), margin: (0.7, 4),
                exclusive_min: $flags[], exclusive_max: $flags[]},
           {type: "NumericThresholdGraded", mode: $modes[], decay: $decays[], direction: ("min", "max"), margin: (0.7, 4),
                exclusive: $flags[]}) as $primitive
        | {$primitive, extracted: $numbers[], expected: (0, 0.3, 1, -2.5, 3)}' >cases
    run same_verdicts cases
    assert_output "$(grep -c '' cases) decided in C, 0 by jq"
}

@test "plain rules: every strategy over every mixture of right, wrong and unsaid, weights included" {
    jq -nc '
        def check($name): {type: "field_check", field_name: $name};
        def three: [check("a"), check("b"), check("c")];
        (null, check("b"), ({type: ("all_of", "any_of")} + {conditions: (three, [], [check("a"), check("nobody")])}),
         {type: "at_least_n", n: (0, 1, 2, 3), conditions: three},
         {type: "any_of", conditions: [check("a"), {type: "all_of", conditions: [check("b"), check("c")]}]}) as $strategy
        | ([1, 1, 1], [0.1, 0.7, 0.2], [0, 0, 0], [3, 0.3, 0]) as $weights
        | (0, 1, 2.5, null) as $a | ("x", "y", null) as $b | (true, false) as $c
        | {source: ({fields: [
                {name: "a", type: "float", description: "d", ground_truth: 1, weight: $weights[0],
                    verify_with: {type: "NumericGraded", cutoff: 3, mode: "absolute"}},
                {name: "b", type: "str", description: "d", ground_truth: "x", weight: $weights[1], verify_with: {type: "ExactMatch"}},
                {name: "c", type: "bool", description: "d", ground_truth: true, weight: $weights[2], verify_with: {type: "BooleanMatch"}}]}
                + if $strategy then {verify_strategy: $strategy} else {} end | tojson),
           judge_output: ({$a, $b, $c} | tojson), raw_llm_response: ""}' >cases
    run same_verdicts cases
    assert_output --regexp '^[0-9]{4} decided in C, [0-9]+ by jq$'
}

@test "plain rules: sets, sequences, dates and filters of one's own" {
    jq -nc '
        def lists: [], ["a"], ["a", "b"], ["b", "a", "a"], [1, true, 1.0], ["\u0000", "é"], "ab", {"a": 1};
        ({primitive: ({type: "SetContainment", mode: ("exact", "subset", "superset", "overlap")},
                {type: "SetContainment", mode: "overlap", min_overlap: (0, 1, 2)}, {type: "OrderedMatch"}, {type: "LiteralMatch"}),
            extracted: lists, expected: lists},
         {primitive: ({type: "DateMatch"}, {type: "DateTolerance", tolerance: (0, 1, 36), unit: ("days", "hours", "minutes")},
                {type: "DateRange", min: (null, "2020-03-05"), max: (null, "2020-03-06T12:00:00.25")}),
            extracted: ("2020-03-05", "2020-03-06 12:00:00.250001", "2020-03-05T00:00:00Z", "no date", "0001-01-01"),
            expected: ("2020-03-05", "2020-03-06 11:00", "2020-03-05T01:00:00+01:00")},
         {primitive: {type: "Jq", filter: (". == $expected", "0.1 + 0.2", "1", "2", "error")}, extracted: (1, "x"), expected: 1})' >cases
    run same_verdicts cases
    assert_output --regexp '^[0-9]{3} decided in C, [0-9]+ by jq$'
}

@test "plain rules: a rule that a user changes decides at once" {
    cp -R "$ROOT/share" mine
    sed -i 's/^def boolean_match:.*/def boolean_match: true;/' mine/verify/primitives.jq
    local question='{"primitive":{"type":"BooleanMatch"},"extracted":false,"expected":true}'
    run kvtest judge --count --share mine <<<"$question"
    assert_line --partial '"verify_result":true'
    assert_line '0 decided in C, 1 by jq'
    run kvtest judge --count --share "$ROOT/share" <<<"$question"
    assert_line --partial '"verify_result":false'
    assert_line '1 decided in C, 0 by jq'
    echo 'def' >>mine/verify/verdict.jq
    run kvtest judge --share mine <<<"$question"
    assert_failure
    assert_output --partial 'mine/verify: syntax error'
}

@test "plain rules: the digest in lib/judge/plain_rules.c is that of share/verify" {
    run grep -c "$(for file in primitives strategy verdict; do
        cat "$ROOT/share/verify/$file.jq"
        echo
    done | sha256sum | cut -d ' ' -f 1)" "$ROOT/lib/judge/plain_rules.c"
    assert_output 1
}
