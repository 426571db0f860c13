# kv-rejudge: recorded answers judged again.
load ../helper
load ../agree
bats_require_minimum_version 1.5.0

spec() { # spec TYPE GROUND_TRUTH PRIMITIVE - a bare template of one field x
    jq -nc --arg t "$1" --argjson e "$2" --argjson p "$3" \
        '{fields: [{name: "x", type: $t, description: "d", ground_truth: $e, verify_with: $p}]}'
}

bare() { # bare TYPE GROUND_TRUTH PRIMITIVE VALUE [TRACE]
    printf '{"template":%s,"parsed":{"x":%s},"trace":%s}\n' "$(spec "$1" "$2" "$3")" "$4" "$(jq -Rs . <<<"${5:-}")"
}

bench() { # bench GROUND_TRUTH - one question whose answer is that
    jq -nc --argjson t "$(spec str "$1" '{"type":"ExactMatch"}')" \
        '{id: "q1", question: "Which?", answer: "-", template: $t, finished: true}'
}

@test "kv-rejudge: a bare line gives the four members" {
    bare int 4 '{"type":"NumericExact"}' 4 >in
    run --separate-stderr kv-rejudge in
    assert_success
    assert_stdout '{"verify_result":true,"verify_granular_result":1.0,"field_results":{"x":true},"field_scores":{"x":1.0}}'
    assert_stderr ''
}

@test "kv-rejudge: every primitive under every strategy gives the verdict of the documented rules" {
    kv-rejudge "$DATA/verify/verdicts.jsonl" >got 2>err
    # Deviations (kv(7), truth values): a word that a truth value is compared with means what it says.
    run agree '(.want.want | tojson) == (.got | tojson)' "$DATA/verify/verdicts.jsonl" got
    assert_output 'disagrees: 58
disagrees: 127
disagrees: 226
297/300'
}

@test "kv-rejudge: graded credit, trace fields and strategies are judged like a run judges them" {
    bare float 10 '{"type":"NumericGraded","cutoff":0.2}' 11 >in
    bare bool true '{"type":"TraceRegex","pattern":"\\[\\d\\]"}' null 'see [1]' >>in
    jq -nc --argjson t "$(spec str '"a"' '{"type":"ExactMatch"}')" \
        '{template: ($t + {verify_strategy: {type: "any_of", conditions: []}}), parsed: {x: "a"}}' >>in
    run --separate-stderr kv-rejudge <in
    assert_success
    assert_stdout '{"verify_result":true,"verify_granular_result":0.5,"field_results":{"x":true},"field_scores":{"x":0.5}}
{"verify_result":true,"verify_granular_result":1.0,"field_results":{"x":true},"field_scores":{"x":1.0}}
{"verify_result":false,"verify_granular_result":1.0,"field_results":{"x":true},"field_scores":{"x":1.0}}'
}

@test "kv-rejudge: a row keeps every byte but the four members" {
    bench '"BCL2"' >bench.jsonl
    local head='{ "metadata" : {"question_id":"q\u0031","n":12345678901234567890, "e":1e-07},"template":{"raw_llm_response":"BCL2","z":1.0,'
    echo "$head"'"parsed_llm_response":{"x":"bcl2"},"verify_result": false ,"verify_granular_result":0,"y":-0.0,"field_results":{"x":false},"field_scores" : null} ,"rubric":null}' >in
    run --separate-stderr kv-rejudge -b bench.jsonl in
    assert_success
    assert_stdout "$head"'"parsed_llm_response":{"x":"bcl2"},"verify_result": true ,"verify_granular_result":1.0,"y":-0.0,"field_results":{"x":true},"field_scores" : {"x":1.0}} ,"rubric":null}'
    assert_stderr ''
}

@test "kv-rejudge: a row without a parsed answer passes as it is" {
    bench '"BCL2"' >bench.jsonl
    echo '{"metadata":{"question_id":"q1"},"template":{"parsed_llm_response":null,"verify_result":false}}' >in
    echo '{"metadata":{"question_id":"q1"},"template":null,"rubric":{}}' >>in
    run --separate-stderr kv-rejudge -b bench.jsonl in
    assert_success
    assert_stdout "$(cat in)"
}

@test "kv-rejudge: a corrected ground truth changes the verdict, and judging again changes nothing" {
    echo '{"metadata":{"question_id":"q1"},"template":{"raw_llm_response":"","parsed_llm_response":{"x":"BAX"},"verify_result":true,"verify_granular_result":1.0,"field_results":{"x":true},"field_scores":{"x":1.0}}}' >in
    bench '"BCL2"' >wrong.jsonl
    bench '"BAX"' >right.jsonl
    kv-rejudge -b wrong.jsonl in >once
    assert_equal "$(jq -c '.template | [.verify_result, .verify_granular_result, .field_results]' once | values)" '[false,0,{"x":false}]'
    run --separate-stderr kv-rejudge -b right.jsonl once
    assert_success
    assert_stdout "$(cat in)"
}

@test "kv-rejudge: a check that cannot be made is a verdict, and its reason is told" {
    bare str 4 '{"type":"NumericExact"}' '"1,000"' >in
    run --separate-stderr kv-rejudge in
    assert_success
    assert_stdout '{"verify_result":false,"verify_granular_result":null,"field_results":null,"field_scores":null}'
    assert_stderr "kv-rejudge: in:1: Field verification failed: could not convert string to float: '1,000'"
}

@test "kv-rejudge: what is not acceptable is named by line, the rest is judged, the status is 3" {
    {
        echo '{"template":'
        echo '[]'
        echo '{}'
        echo '{"metadata":{"question_id":"q1"},"template":{"parsed_llm_response":{}}}'
        echo '{"template":{"fields":[]},"parsed":{}}'
        echo '{"template":{"fields":[{"name":"x","type":"str","description":"d","ground_truth":1,"verify_with":{"type":"ExactMatch"}}]},"parsed":5}'
        echo
        bare int 4 '{"type":"NumericExact"}' 5
    } >in
    run --separate-stderr kv-rejudge <in
    assert_failure 3
    assert_stdout '{"verify_result":false,"verify_granular_result":0.0,"field_results":{"x":false},"field_scores":{"x":0.0}}'
    assert_stderr 'kv-rejudge: <stdin>:1:13: unexpected end
kv-rejudge: <stdin>:2: an object is expected, not array
kv-rejudge: <stdin>:3: neither a result nor an object with a template
kv-rejudge: <stdin>:4: a result holds no template: name the benchmark, as by kv-rejudge -b bench.jsonl
kv-rejudge: <stdin>:5: template: TemplateSpec: fields: must be an array of at least one field
kv-rejudge: <stdin>:6: parsed: an object is required, not number'
}

@test "kv-rejudge: results without a benchmark, and a document of results, are told once with what to type" {
    for i in $(seq 2000); do
        echo '{"metadata":{"question_id":"q1"},"template":{"parsed_llm_response":{},"raw_llm_response":"'"$i"' and more of it"}}'
    done >rows
    for jobs in 1 2; do
        run --separate-stderr kv-rejudge -j "$jobs" rows
        assert_failure 3
        assert_stderr 'kv-rejudge: rows:1: a result holds no template: name the benchmark, as by kv-rejudge -b bench.jsonl
kv-rejudge: 2000 results hold no template'
    done
    { echo '{"format_version": "2.2", "results":[' && sed '$!s/$/,/' rows && echo ']}'; } >'a b.json'
    jq . 'a b.json' >printed.json
    for file in 'a b.json' printed.json; do
        run --separate-stderr kv-rejudge "$file"
        assert_failure 3
        assert_stdout ''
        assert_equal "${#stderr_lines[@]}" 1
        assert_regex "$stderr" "^kv-rejudge: $file: is one document, not a result a line: jq -c '\.results\[\]' .* \| kv-rejudge -b bench.jsonl\$"
        assert_equal "$(sh -c "$(sed 's/.*a line: \([^|]*\)|.*/\1/' <<<"$stderr")" | wc -l)" 2000
    done
}

@test "kv-rejudge: a question the benchmark lacks, and one whose template is code, are named" {
    bench 1 >bench.jsonl
    jq -nc '{id: "q2", question: "What?", finished: true, template:
        "class Answer(BaseAnswer):\n    a: int = Field(description=\"d\")\n    def verify(self):\n        return True\n"}' >>bench.jsonl
    for id in q2 q3; do
        echo '{"metadata":{"question_id":"'$id'"},"template":{"parsed_llm_response":{}}}'
    done >in
    run --separate-stderr kv-rejudge -b bench.jsonl in
    assert_failure 3
    assert_stdout ''
    assert_stderr "kv-rejudge: in:1: question 'q2': line 3: method 'verify': not declarative, it would have to be executed
kv-rejudge: in:2: question 'q3' is not in the benchmark"
}

@test "kv-rejudge: a missing file, a missing benchmark and missing rules are one line each" {
    run --separate-stderr kv-rejudge nothing.jsonl
    assert_failure 3
    assert_stderr 'kv-rejudge: nothing.jsonl: no such file or directory'
    run --separate-stderr timeout 20 kv-rejudge "$BATS_TEST_TMPDIR"
    assert_failure 3
    assert_stderr "kv-rejudge: $BATS_TEST_TMPDIR: read: is a directory"
    run --separate-stderr kv-rejudge -b nothing.jsonld
    assert_failure 3
    assert_stderr 'kv-rejudge: nothing.jsonld: no such file or directory'
    run --separate-stderr kv-rejudge --share nowhere
    assert_failure 3
    assert_stderr "kv-rejudge: --share: 'nowhere' is no folder of data files"
}

@test "kv-rejudge: a Jq filter gives a verdict or a credit" {
    while IFS='~' read -r filter want; do
        echo "$filter"
        bare float 4.25 "$(jq -nc --arg f "$filter" '{type: "Jq", filter: $f}')" 4.5 >in
        run --separate-stderr kv-rejudge in
        assert_success
        assert_equal "$(jq -c '[.verify_result, .verify_granular_result]' <<<"$output" | values)" "$want"
    done <<'CASES'
(. - $expected | fabs) < 0.5~[true,1]
. == $expected~[false,0]
1 - (. - $expected)~[false,0.75]
1~[true,1]
CASES
}

@test "kv-rejudge: a Jq filter that misbehaves fails its own line, within bounds, and sees nothing" {
    while IFS='~' read -r filter reason; do
        echo "$filter"
        { bare float 1 "$(jq -nc --arg f "$filter" '{type: "Jq", filter: $f}')" 1
            bare float 1 '{"type":"Jq","filter":". == 1"}' 1; } >in
        run --separate-stderr env SECRET=canary timeout 20 kv-rejudge in
        assert_success
        assert_line -n 0 '{"verify_result":false,"verify_granular_result":null,"field_results":null,"field_scores":null}'
        assert_line -n 1 '{"verify_result":true,"verify_granular_result":1.0,"field_results":{"x":true},"field_scores":{"x":1.0}}'
        # shellcheck disable=SC2053,SC2154 # a pattern: versions of jq end a sentence differently
        [[ $stderr == "kv-rejudge: in:1: Field verification failed: "$reason ]] || fail "$stderr"
    done <<'CASES'
def f: f; f~Jq: took longer than 1000 ms
last(range(1e15))~Jq: took longer than 1000 ms
error("no")~no
empty~Jq: no result
input~break
"many"~Jq: the result must be true, false or a number from 0 to 1
2~Jq: the result must be true, false or a number from 0 to 1
import "a" as a; true~Jq: modules are not available
include "/etc/passwd"; true~Jq: modules are not available
error(env | tojson)~{}
error($ENV | tojson)~{}
halt~Jq: no result
(~Jq: syntax error, unexpected *
CASES
}

@test "kv-rejudge: a Jq filter that eats memory fails its own line" {
    [ -z "${KV_SAN:-}" ] || skip 'a sanitizer needs the memory for itself'
    { bare float 1 '{"type":"Jq","filter":"[range(3e6)] | map([., ., .]) | length > 0"}' 1
        bare float 1 '{"type":"Jq","filter":". == 1"}' 1; } >in
    run --separate-stderr timeout 20 kv-rejudge in
    assert_success
    assert_line -n 1 --partial '"verify_result":true'
    [[ $stderr =~ Jq:\ (needed\ more\ than\ 128\ MB,\ or\ crashed|took\ longer\ than\ 1000\ ms)$ ]]
}

@test "kv-rejudge: a pattern that would take minutes on a long answer fails its own line, within seconds" {
    local long
    long=$(head -c 60000 /dev/zero | tr '\0' a)
    # Few steps, each of which compares or reads again most of the text.
    for p in '(?=(a+))\\1+b' '(a+)(?=.*\\1\\1\\1c)'; do
        bare str '"x"' "{\"type\":\"RegexMatch\",\"pattern\":\"$p\"}" "\"$long\""
    done >in
    bare str '"x"' '{"type":"RegexMatch","pattern":"b$"}' '"ab"' >>in
    SECONDS=0
    run --separate-stderr kv-rejudge in
    assert_success
    assert [ $SECONDS -lt 12 ]
    assert_equal "$(jq -c .verify_result <<<"$output" | tail -n 1)" true
    assert_regex "$stderr" 'the pattern took longer than 1000 ms'
}

@test "kv-rejudge: a pattern of known cost needs no process of its own, any other does" {
    strace -o /dev/null true 2>/dev/null || skip 'strace cannot trace here'
    export ASAN_OPTIONS=detect_leaks=0 # LeakSanitizer does not work under strace
    for p in '\\bcity\\b' '(?:ci)+ty'; do
        bare bool true "{\"type\":\"TraceRegex\",\"pattern\":\"$p\"}" null 'a city' >in
        run --separate-stderr strace -f -qq -e trace=socketpair,setitimer -o trace kv-rejudge -j 1 in
        assert_success
        assert_output --partial '"verify_result":true'
        grep -c setitimer trace >>count || true
    done
    assert_equal "$(head -n 1 count)" 0
    assert [ "$(tail -n 1 count)" -gt 0 ]
}

@test "kv-rejudge: a program of ours is not touched by a ~/.jq" {
    mkdir home
    echo 'def fabs: 99; def isnan: true; def any: false; def all: false;' >home/.jq
    bare float 10 '{"type":"NumericTolerance","tolerance":0.1}' 10.5 >in
    run --separate-stderr env HOME="$PWD/home" kv-rejudge in
    assert_success
    assert_stdout '{"verify_result":true,"verify_granular_result":1.0,"field_results":{"x":true},"field_scores":{"x":1.0}}'
}

# Many lines, some of which are refused or cannot be judged; more than a piece is large.
mixed_lines() {
    local pad
    pad=$(head -c 900 /dev/zero | tr '\0' x)
    bare int 4 '{"type":"NumericExact"}' 4 "$pad" >right
    bare int 4 '{"type":"NumericExact"}' '"1,000"' "$pad" >untold
    awk -v n="$1" 'NR == 1 { a = $0 } NR == 2 { b = $0 }
        END { for (i = 1; i <= n; i++) print i % 97 == 0 ? "{\"x\":" : i % 89 == 0 ? b : i % 83 == 0 ? "" : a }' right untold
}

@test "kv-rejudge: many processes print what one prints, in its order, and say the same" {
    mixed_lines 700 >a
    mixed_lines 300 >b
    # One longer than what processes share at a time, and one that no line feed ends.
    for n in 600000 2000000; do
        bare int 4 '{"type":"NumericExact"}' 4 "$(head -c $n /dev/zero | tr '\0' y)"
    done | head -c -1 >>b
    run -3 --separate-stderr kv-rejudge -j 1 a - b <a
    printf '%s\n' "$output" >one
    printf '%s\n' "$stderr" >one.said
    assert_equal "$(grep -c '^kv-rejudge: <stdin>:' one.said)" 14
    for jobs in 2 5; do
        run -3 --separate-stderr kv-rejudge -j "$jobs" a - b < <(cat a)
        printf '%s\n' "$output" | cmp one -
        printf '%s\n' "$stderr" | cmp one.said -
    done
    run -2 kv-rejudge -j 0 a
}

@test "kv-rejudge: many processes answer a line before the next one is there" {
    mkfifo in out
    kv-rejudge -j 3 <in >out &
    exec 7>in 8<out
    for i in 1 2 3; do
        bare int 4 '{"type":"NumericExact"}' "$i" >&7
        read -r -t 60 line <&8
        assert_equal "$(jq .verify_result <<<"$line")" false
    done
    exec 7>&- 8<&-
    wait $!
}

@test "kv-rejudge: a reader that goes away, or a worker that is killed, ends it with all its workers" {
    mixed_lines 3000 >a
    kv-rejudge -j 2 a 2>/dev/null | head -n 1 >/dev/null
    mkfifo in
    kv-rejudge -j 2 <in >out 2>said &
    rejudge=$!
    exec 7>in
    for i in 1 2 3; do
        bare int 4 '{"type":"NumericExact"}' 4 >&7
    done
    until worker=$(cat /proc/$rejudge/task/$rejudge/children) && [ -n "$worker" ] && [ -s out ]; do sleep 0.02; done
    kill -9 $worker # as many words as there are
    bare int 4 '{"type":"NumericExact"}' 4 >&7
    status=0
    wait $rejudge || status=$?
    exec 7>&-
    assert_equal "$status" 4
    assert_equal "$(cat said)" 'kv-rejudge: a worker has ended before it answered'
}
