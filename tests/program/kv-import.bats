# kv-import: questions of other makers become a benchmark.
load ../helper

setup() {
    kv_setup
    CASES=$DATA/import/cases.jsonl
}

# check_bench - kv check finds nothing wrong with bench.jsonl
check_bench() {
    run --separate-stderr kv check bench.jsonl
    assert_success
    assert_stderr ''
}

@test "kv-import: each form is a question that passes what is right and fails what is wrong" {
    jq -c .in "$CASES" | kv-import >imported
    assert_equal "$(wc -l <imported)" "$(wc -l <"$CASES")"
    jq -nc --slurpfile cases "$CASES" --slurpfile got imported '
        [$cases, $got] | transpose[] | . as [$case, $q] | $case.right, $case.wrong
        | {template: $q.template} + (if type == "string" then {parsed: {}, trace: .} else {parsed: ., trace: ""} end)' |
        kv-rejudge >verdicts
    assert_equal "$(jq -nr --slurpfile cases "$CASES" --slurpfile got verdicts '
        range($cases | length) as $i
        | select($got[2 * $i].verify_result != true or $got[2 * $i + 1].verify_result != false)
        | $cases[$i].name')" ''
}

@test "kv-import: what comes out is a benchmark in order" {
    jq -c '.in | (.question // .prompt // .input | strings) |= . + " (\(input_line_number))"' "$CASES" |
        kv-import | jq -c '.question += " \(input_line_number)"' >bench.jsonl
    check_bench
}

@test "kv-import: ids, keywords and reference answers are kept" {
    jq -c 'select(.in.id == 7).in' "$CASES" | kv-import >bench.jsonl
    assert_equal "$(jq -c '[.id, .answer, .keywords]' bench.jsonl)" '["7","8",["biology"]]'
}

@test "kv-import: choices stand in the question" {
    jq -c 'select(.name == "choices and an index").in' "$CASES" | kv-import >bench.jsonl
    assert_equal "$(jq -r .question bench.jsonl)" $'Largest?\n\nA) Mars\nB) Jupiter\n\nAnswer with the letter of one option.'
}

@test "kv-import: a list may be an array, or wrapped" {
    jq -c 'select(.name == "yes or no").in' "$CASES" >one
    for form in '[.]' '{data: [.]}' '{samples: [.], name: "x"}' .; do
        jq "$form" one >file.json
        kv-import file.json | diff - <(kv-import one)
    done
}

@test "kv-import: a table with quoted cells, line ends within them, and other separators" {
    printf 'question,A,B,answer\r\n"Which, one?",x,"y ""q""\nz",B\r\nplain,1,2,A\n' >t.csv
    kv-import t.csv >bench.jsonl
    assert_equal "$(jq -c '[.question, .answer]' bench.jsonl)" \
        '["Which, one?\n\nA) x\nB) y \"q\"\nz\n\nAnswer with the letter of one option.","B) y \"q\"\nz"]
["plain\n\nA) 1\nB) 2\n\nAnswer with the letter of one option.","A) 1"]'
    check_bench
    printf 'question\tanswer\nHow many?\t4\n' | kv-import | jq -e '.template.fields[0].ground_truth == 4'
    printf '\357\273\277question;answer\nHow many?;4\n' | kv-import | jq -e '.answer == "4"'
}

@test "kv-import: a configuration of promptfoo fills its prompts" {
    jq -n '{prompts: ["Say {{what}} in {{language}}."],
        tests: [{vars: {what: "yes", language: "French"}, assert: [{type: "contains", value: "oui"}]}]}' >p.json
    kv-import p.json >bench.jsonl
    assert_equal "$(jq -r .question bench.jsonl)" 'Say yes in French.'
    check_bench
    printf 'q,__expected\nSay hi,contains: hi\nSay bye,bye\n' | kv-import >bench.jsonl
    assert_equal "$(jq -r '.template.fields[0].verify_with.type' bench.jsonl)" $'TraceContains\nExactMatch'
}

@test "kv-import: what cannot be a question is told by number, and the others are printed" {
    while IFS='|' read -r record why; do
        echo "$record"
        run --separate-stderr kv-import <<<"{\"question\":\"q\",\"answer\":1} $record"
        assert_failure 3
        assert_equal "$(jq -r .question <<<"$output")" q
        assert_stderr "kv-import: <stdin>: record 2: $why"
    done <<'CASES'
{"question":"q"}|there is no answer in it
{"answer":"a"}|there is no question in it
{"question":"q","answer":""}|the answer is empty
{"question":"q","choices":["a","b"],"answer":"c"}|the answer "c" is none of the options
{"vars":{"q":"x"},"assert":[{"type":"javascript","value":"1"}]}|an assertion of type 'javascript' cannot be imported
{"vars":{"q":"x"}}|there is no assertion in it
{"input":[{"role":"assistant","content":"x"}],"ideal":"y"}|a conversation in which the model has spoken cannot be one question
7|a record is an object, not number
CASES
}

@test "kv-import: a file that cannot be used is told in one line" {
    : >empty.json
    printf 'question,answer\n' >header.csv
    printf 'a: 1\n' >p.yaml
    while IFS='|' read -r file status why; do
        run --separate-stderr kv-import "$file"
        assert_failure "$status"
        assert_stderr "kv-import: $why"
        assert_stdout ''
    done <<'CASES'
nowhere|3|nowhere: no such file or directory
.|3|.: is a directory
empty.json|3|empty.json: is empty
header.csv|3|header.csv: there is no question in it
p.yaml|3|p.yaml: is YAML: make it JSON first, as with yq . FILE | kv-import
CASES
    run --separate-stderr kv-import <<<'{"question":"q","answer":1} {"question'
    assert_failure 3
    assert_stdout "$(kv-import <<<'{"question":"q","answer":1}')"
    [[ $stderr == 'kv-import: <stdin>: Unfinished '* ]]
}

@test "kv-import, kv-init: --help is what the page says, and usage is 2" {
    for p in kv-import kv-init; do
        "$p" --help | diff - <(awk -v plain=1 -f "$ROOT/man/help.awk" "$ROOT/man/$p.1")
        run --separate-stderr "$p" --frobnicate
        assert_failure 2
        assert_stderr "$p: unknown option '--frobnicate' (try '$p --help')"
        assert_equal "$("$p" --version)" "$(kv-status --version | sed "s/kv-status/$p/")"
    done
    run kv import --help
    assert_line -n 0 'usage: kv-import [--share DIR] [FILE]'
}
