# The facts and rules by which one value is judged.
load ../helper
load ../agree

@test "primitives: every recorded check and credit is karenina's" {
    kvtest judge --share "$ROOT/share" <"$DATA/verify/primitives.jsonl" >got
    # Deviations: a word that a truth value is compared with means what it says (13 cases), NaN is
    # within no range (7), a date that is completed from today's date is an error (2).
    run agree '
        .want as $w | .got as $g
        | if $w.error then $g.error != null or $g.field_verification_error != null
          else $g.field_verification_error == null and $g.field_results.x == $w.check
            and ($w.score == "NaN" or $g.field_scores.x == ([0, ([1, $w.score] | min)] | max))
          end' "$DATA/verify/primitives.jsonl" got '[.primitive.type,.extracted,.expected]'
    assert_output 'disagrees: ["BooleanMatch","False",2]
disagrees: ["BooleanMatch","no"," "]
disagrees: ["BooleanMatch","0",2]
disagrees: ["BooleanMatch",2,"0"]
disagrees: ["BooleanMatch","False",[false]]
disagrees: ["BooleanMatch",0.5,"false"]
disagrees: ["BooleanMatch",true,"0"]
disagrees: ["BooleanMatch",true,"no"]
disagrees: ["BooleanMatch",[false],"false"]
disagrees: ["BooleanMatch","false",0]
disagrees: ["BooleanMatch",-0,"0"]
disagrees: ["BooleanMatch",[],"False"]
disagrees: ["BooleanMatch","0",""]
disagrees: ["NumericRange","nan",null]
disagrees: ["NumericRange","nan","x"]
disagrees: ["NumericRange","nan",5]
disagrees: ["NumericRangeGraded","nan",null]
disagrees: ["NumericRangeGraded","nan",null]
disagrees: ["NumericRangeGraded","nan",null]
disagrees: ["NumericRangeGraded","nan",null]
disagrees: ["DateMatch","March 5, 2020","Mar 2020"]
disagrees: ["DateMatch","March","2020-03-05"]
1841/1863'
}

@test "primitives: a check that raises says what karenina's says" {
    kvtest judge --share "$ROOT/share" <"$DATA/verify/primitives.jsonl" >got
    jq -c 'select(.error and .phase != "construct" and .error != "error")' "$DATA/verify/primitives.jsonl" >raised
    paste -d '\n' "$DATA/verify/primitives.jsonl" got |
        jq -nc '[inputs] | range(0; length; 2) as $i | select(.[$i] | .error and .phase != "construct" and .error != "error") | .[$i + 1]' >answers
    # Deviations: what the module re calls a flag that is none, and trace primitives, which are
    # refused with a type that is not bool.
    run agree '"Field verification failed: " + .want.message == .got.field_verification_error' raised answers \
        '.primitive.type'
    assert_output 'disagrees: RegexMatch
disagrees: TraceRegex
disagrees: TraceContains
disagrees: TraceLength
366/370'
}

@test "primitives: every recorded trace is judged as karenina judges it alone" {
    kvtest judge --share "$ROOT/share" <"$DATA/verify/trace.jsonl" >got
    run agree 'if .want.error then .got.error != null or .got.field_verification_error != null
        else .got.field_results.x == .want.field_result end' "$DATA/verify/trace.jsonl" got
    assert_output '349/349'
}

@test "primitives: patterns match as often as in Python" {
    kvtest facts <"$DATA/verify/patterns.jsonl" >got
    run agree '.want.count == .got.count and (.want.count == null) == (.got.error != null)' \
        "$DATA/verify/patterns.jsonl" got '[.pattern,.text,.count]'
    assert_output '5613/5613'
}

@test "primitives: it is known of which patterns the cost is, and when it is small" {
    while read -r bytes want pattern; do
        echo "$pattern"
        run kvtest facts <<<"$(jq -nc --arg p "$pattern" "{op: \"quick\", pattern: \$p, bytes: $bytes}")"
        assert_output "{\"quick\":$want}"
    done <<'CASES'
1000000 true answer
1000000 true \b(Paris|Lyon)\b
4000 true \[\d+\]
400000 false \[\d+\]
200 true Answer:\s*(\w+)
10000 false Answer:\s*(\w+)
1000 true \d{4}-\d\d?-\d{1,2}
100000 true (a|a)(a|a)(a|a)(a|a)
100000 false (a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)
10 true (-?\d+)(\.\d+)?
10 false (a+)+
10 false (a|b)*c
10 false (?:ab){2}
10 false (a)\1
10 false (?P<x>a)(?P=x)
10 false (?=a)b
10 false (?<!a)b
10 false (a)?(?(1)b|c)
10 false (?:a++)b
10 false (
CASES
    run kvtest facts <<<"$(jq -nc '{op: "quick", pattern: ("a" * 513), bytes: 10}')"
    assert_output '{"quick":false}'
}

@test "primitives: dates read as in Python, and what would be a guess is not one" {
    kvtest facts <"$DATA/verify/dates.jsonl" >got
    run agree '.want.date == .got.date or (.got.date == "unsupported" and .want.date == "partial")' \
        "$DATA/verify/dates.jsonl" got .text
    assert_output 'disagrees: 10000-01-01
disagrees: 2020-065
disagrees: 2020-03-05 10:00 EST
disagrees: 2020-03-05 10h30m
144/148'
}

@test "primitives: a format with a directive twice is refused, as by Python, however long it is" {
    while IFS='|' read -r format text want; do
        echo "$format"
        run kvtest facts <<<"$(jq -nc --arg f "$format" --arg t "$text" '{op: "date", format: $f, text: $t}')"
        assert_output "$want"
    done <<'CASES'
%d %d|1 1|{"date":"unsupported"}
%x %d|03/05/20 5|{"date":"unsupported"}
%%d%%%Y|%d%2020|{"date":["2020-01-01T00:00:00.000000",null]}
%Y%|2020%|{"date":null}
CASES
    jq -nc '{op: "date", format: ("%d" * 19000), text: ("1" * 19000)}' >in
    run bash -c 'ulimit -s 1024; kvtest facts <in'
    assert_output '{"date":"unsupported"}'
}

@test "primitives: a pattern that backtracks without end is given up" {
    jq -nc '{primitive: {type: "RegexMatch", pattern: "(a+)+$"}, extracted: ("a" * 5000 + "b"), expected: null}' |
        kvtest judge --share "$ROOT/share" >got
    run jq -r '.verify_result, .field_verification_error' got
    assert_line -n 0 false
    assert_line -n 1 --partial 'Field verification failed: retry-limit'
}

@test "primitives: 20 digits count, and 1.0 is 1 only where Python says so" {
    while read -r primitive extracted expected want; do
        echo "$primitive $extracted $expected"
        run kvtest judge --share "$ROOT/share" \
            <<<"{\"primitive\":{\"type\":\"$primitive\"},\"extracted\":$extracted,\"expected\":$expected}"
        assert_success
        assert_equal "$(jq -c .field_results.x <<<"$output")" "$want"
    done <<'CASES'
LiteralMatch 12345678901234567890 12345678901234567890 true
LiteralMatch 12345678901234567890 12345678901234567891 false
LiteralMatch 9007199254740993 9007199254740992.0 false
LiteralMatch 1 1.0 true
LiteralMatch true 1 true
LiteralMatch -0.0 0 true
LiteralMatch NaN 1 false
ExactMatch 1.0 1 false
ExactMatch 1.0 "1.0" true
ExactMatch 12345678901234567890 "12345678901234567890" true
NumericExact 12345678901234567890 12345678901234567891 true
NumericExact NaN 1 false
SetContainment [1,true,1.0] [1] true
ExactMatch "\ud800" "\ud800" true
ExactMatch "\ud800" "\ud801" false
ExactMatch "\ud83d\ude00" "😀" true
CASES
}

@test "rubric values: booleans, scores, classes and metrics follow the rules" {
    while IFS='|' read -r question want; do
        echo "$question"
        run kvtest judge --share "$ROOT/share" <<<"$question"
        assert_success
        assert_output "$want"
    done <<'CASES'
{"regex":"^two","case_sensitive":false,"invert":false,"text":"Two"}|{"value":true}
{"regex":"^two","case_sensitive":true,"invert":false,"text":"Two"}|{"value":false}
{"regex":"^two","case_sensitive":true,"invert":true,"text":"Two"}|{"value":true}
{"boolean":true}|{"value":true}
{"boolean":0}|{"value":false}
{"boolean":"No"}|{"value":false}
{"boolean":"FALSE"}|{"value":false}
{"boolean":"yes"}|{"value":true}
{"boolean":1.0}|{"value":true}
{"boolean":0.5}|{"value":false,"error":"must be true or false"}
{"boolean":[]}|{"value":false,"error":"must be true or false"}
{"score":3,"min":1,"max":5}|{"value":3}
{"score":4.7,"min":1,"max":5}|{"value":0,"error":"must be a whole number"}
{"score":"4","min":1,"max":5}|{"value":4}
{"score":1e300,"min":1,"max":5}|{"value":0,"error":"must be a whole number"}
{"score":-7,"min":1,"max":5}|{"value":1}
{"score":-4.0,"min":-5,"max":5}|{"value":-4}
{"score":" +4 ","min":1,"max":5}|{"value":4}
{"score":NaN,"min":1,"max":5}|{"value":0,"error":"must be a whole number"}
{"score":0,"min":0,"max":10}|{"value":0}
{"score":"high","min":1,"max":5}|{"value":0,"error":"must be a whole number"}
{"classes":{"Good":"g","Bad":"b"},"literal":"Bad"}|{"value":1,"label":"Bad"}
{"classes":{"Good":"g","Bad":"b"},"literal":"bAD"}|{"value":1,"label":"Bad"}
{"classes":{"Good":"g","Bad":"b"},"literal":"ugly"}|{"value":-1,"label":"ugly"}
{"classes":{"A":"g","a":"b"},"literal":"a"}|{"value":1,"label":"a"}
{"classes":{"x":"g","ÄB":"b"},"literal":"äb"}|{"value":1,"label":"ÄB"}
{"classes":{"Good":"g","Bad":"b"}}|{"value":-1,"label":"[MISSING_FROM_RESPONSE]"}
{"metric":{"tp":["a","b"],"fn":["c"],"fp":[],"tn":["d"]},"metrics":["f1","precision","recall","specificity","accuracy"],"distinct":true}|{"lists":{"tp":["a","b"],"fn":["c"],"fp":[],"tn":["d"]},"metrics":{"f1":0.8,"precision":1.0,"recall":0.6666666666666666,"specificity":1.0,"accuracy":0.75}}
{"metric":{"tp":["a"," A ",""]},"metrics":["precision"],"distinct":true}|{"lists":{"tp":["a"],"fn":[],"fp":[],"tn":[]},"metrics":{"precision":1.0}}
{"metric":{"tp":["a"," A "]},"metrics":["recall"],"distinct":false}|{"lists":{"tp":["a"," A "],"fn":[],"fp":[],"tn":[]},"metrics":{"recall":1.0}}
{"metric":{},"metrics":["f1"],"distinct":true}|{"lists":{"tp":[],"fn":[],"fp":[],"tn":[]},"metrics":{"f1":0.0}}
{"metric":{"fp":"x"},"metrics":["f1"],"distinct":true}|{"lists":null,"metrics":null,"error":"fp: must be an array of strings"}
CASES
}

@test "rubric values: a text that libjq has no form for comes out as it went in" {
    while IFS='|' read -r question want; do
        echo "$question"
        run kvtest judge --share "$ROOT/share" <<<"$question"
        assert_output "$want"
    done <<'CASES'
{"classes":{"\ud800":"g","\ud801":"b"},"literal":"\ud801"}|{"value":1,"label":"\ud801"}
{"classes":{"a":"g"},"literal":"\ud801"}|{"value":-1,"label":"\ud801"}
{"metric":{"tp":["\ud800","\ud801","\ud800"]},"metrics":["recall"],"distinct":true}|{"lists":{"tp":["\ud800","\ud801"],"fn":[],"fp":[],"tn":[]},"metrics":{"recall":1.0}}
CASES
}

@test "rubric values: the rules are the user's to change, and what they must not answer is refused" {
    cp -R "$ROOT/share" mine
    while IFS='|' read -r rule question want; do
        echo "$rule"
        {
            sed '/^\.rule as/,$d' "$ROOT/share/verify/rubric.jq"
            echo "def ${rule%%:*}: ${rule#*:};"
            sed -n '/^\.rule as/,$p' "$ROOT/share/verify/rubric.jq"
        } >mine/verify/rubric.jq
        run kvtest judge --share mine <<<"$question"
        assert_output "$want"
    done <<'CASES'
boolean:.reply.text == "aye"|{"boolean":"no"}|{"value":false}
boolean:.reply.text == "aye"|{"boolean":"aye"}|{"value":true}
boolean:"aye"|{"boolean":1}|{"value":false,"error":"share/verify/rubric.jq: boolean: not expected: \"aye\""}
score:.max|{"score":3,"min":1,"max":5}|{"value":5}
score:.max / 2|{"score":3,"min":1,"max":5}|{"value":0,"error":"share/verify/rubric.jq: score: not expected: 2.5"}
literal:{class: 0, label: "first"}|{"classes":{"a":"g"},"literal":"b"}|{"value":0,"label":"first"}
literal:{class: 1}|{"classes":{"a":"g"},"literal":"b"}|{"value":1,"label":null,"error":"share/verify/rubric.jq: literal: not expected: {\"class\":1}"}
metric:{kept: {tp: [1]}, values: [1]}|{"metric":{"tp":["a"]},"metrics":["f1"],"distinct":true}|{"lists":null,"metrics":null,"error":"share/verify/rubric.jq: metric: not expected: {\"kept\":{\"tp\":[1]},\"values\":[1]}"}
metric:{kept: {tp: [0]}, values: [7]}|{"metric":{"tp":["a"],"fp":["b"]},"metrics":["f1"],"distinct":true}|{"lists":{"tp":["a"],"fn":[],"fp":[],"tn":[]},"metrics":{"f1":7.0}}
regex:.invert|{"regex":"x","case_sensitive":true,"invert":true,"text":"x"}|{"value":true}
CASES
}
