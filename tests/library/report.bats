# The numbers of a report, and its texts made harmless.
load ../helper

@test "report: every formula gives its published numbers" {
    local total agreed
    kvtest report statistics <"$(data report/vectors.jsonl)" >got
    paste -d '\n' "$(data report/vectors.jsonl)" got | jq -cn '
        def near($x; $y): if $x == null or $y == null then $x == $y
            else ($x - $y | fabs) <= 1e-6 * ([1, ($y | fabs)] | max) and
                ($y == 0 or ($x - $y | fabs) <= 1e-5 * ($y | fabs)) end;
        [inputs] as $all | range(0; $all | length; 2) | $all[.] as $v | $all[. + 1].got as $got
        | select(($got | length) != ($v.want | length)
            or any(range(0; $got | length); near($got[.]; $v.want[.]) | not))
        | "\($v.f) \($v.args): \($got), not \($v.want)"' >wrong
    cat wrong
    total=$(wc -l <"$(data report/vectors.jsonl)")
    agreed=$((total - $(wc -l <wrong)))
    assert_equal "$(wc -l <got)" "$total"
    agreement vectors.jsonl "$agreed/$total"
    [ "$agreed" -eq "$total" ]
}

@test "report: reasons that differ by a number, a quote, a hash or a path are one reason" {
    kvtest report reason <"$(data report/reasons.jsonl)" >got
    jq -c .common "$(data report/reasons.jsonl)" >want
    diff want got
}

@test "report: a reason is cut at 120 characters, not inside one" {
    run --separate-stderr kvtest report reason <<<"{\"text\":\"$(printf 'ü%.0s' {1..200})\"}"
    assert_equal "$(json length <<<"$output")" 121
    assert_equal "$(json '.[120:]' <<<"$output")" …
}

@test "report: the table has a line for each model, a block for each judge, and n beside each rate" {
    run --separate-stderr kvtest report table "$(data exports/many-columns/export.json)" 80
    assert_success
    assert_line --index 0 'judged by openai_endpoint:dogwood-vl'
    assert_line --index 5 'judged by openrouter:elm-large (second judge)'
    # 1 of 2 replicates of one question: as much as one question says, not two
    assert_line --index 2 --regexp '^alder-7.* 1 × 2 +1 +1 +0 +0 +50\.0 % +5\.5–94\.5 %$'
    local line
    for line in "${lines[@]}"; do
        assert [ "${#line}" -le 80 ]
    done
}

@test "report: no results, no lines" {
    run --separate-stderr kvtest report table "$(data exports/empty/export.json)" 80
    assert_success
    assert_stdout 'no results'
}

@test "report: what is kept of a row in few bytes comes out as it went in" {
    cat >lines <<'END'
{"numbers":[3.553,0.25,0.000291,1e-9],"tokens":[100,57,0,0,180,12,0,0],"warnings":[],"fields":[0,1,0]}
{"numbers":[0.30000000000000004,1e300,5e-324,123456.789012345],"tokens":[9007199254740992,127,128,16384,1,0,0,5],"warnings":[0,7,7,300],"fields":[3,0,9007199254740991,4294967295,2,0,5,1,0]}
{"numbers":[-0.0,-1.5,0,1000000],"tokens":[0,0,0,0,0,0,0,0],"warnings":[4294967294],"fields":[]}
{"numbers":[999999.999999999,999999.9999999999,0.1,1e-10],"tokens":[0,1,0,0,0,0,1,0],"warnings":[],"fields":[1,2,1]}
END
    kvtest report detail <lines >got
    jq -c '(.. | numbers) |= . + 0' lines >want
    jq -c 'del(.bytes) | (.. | numbers) |= . + 0' got | diff want -
    # what most rows say is small: three decimals, a few hundred tokens
    assert_equal "$(head -n 1 got | jq .bytes)" 18
    # a sign of nothing is kept as well
    assert_regex "$(sed -n 3p got)" '"numbers":\[-0'
}
