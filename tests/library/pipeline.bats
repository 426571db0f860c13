# The pipeline against recorded runs of karenina's own, case by case.
load ../helper

# check FILE [DEVIATION...] - runs every case of a file and compares results and calls. A DEVIATION
# is "name: reason"; cases named there must differ, or they are stale.
check() {
    local file=$1 total=0 agreed=0 name why bad=()
    shift
    jq -c 'select(.canned != null and .result != null)' "$file" >cases
    kvtest pipeline "$ROOT/share" <cases >ours
    assert_equal "$(wc -l <ours)" "$(wc -l <cases)"
    jq -cn --slurpfile a ours --slurpfile b cases '
        range($a | length) | {name: $b[.].name, ours: $a[.].result, theirs: $b[.].result}' |
        jq -c -f "$ROOT/tests/compare-results.jq" >compared
    jq -cn --slurpfile a ours --slurpfile b cases '
        range($a | length) | {name: $b[.].name,
            ours: [$a[.].calls[]? | .task], theirs: [$b[.].messages_shape[] | .task]}
        | select((.ours | unique) != (.theirs | unique)) | .name' >calls
    while read -r name; do
        total=$((total + 1))
        why=$(jq -r --arg n "$name" 'select(.name == $n) | .differences | join(" ")' compared)
        grep -qxF "\"$name\"" calls && why="$why calls"
        if printf '%s\n' "$@" | grep -q "^$name:"; then
            [ -n "$why" ] || bad+=("$name: listed as a deviation, but agrees")
            printf '%s deviates as listed:%s\n' "$name" " $why"
        elif [ -n "$why" ]; then
            bad+=("$name: $why")
        else
            agreed=$((agreed + 1))
        fi
    done < <(jq -r .name cases)
    agreement "${file##*/}" "$agreed/$total" $#
    [ ${#bad[@]} -eq 0 ] || fail "$(printf '%s\n' "${bad[@]}")"
}

@test "pipeline: every recorded task gives karenina's result, or deviates as listed in kv(7)" {
    check "$(data pipeline/pipeline.jsonl)" \
        'trace-mixed: trace fields are checked on the answer, as their author meant' \
        'sufficiency-true-pass: a sufficient answer is no failure' \
        'sufficiency-false: an insufficient answer is one' \
        'sufficiency-check-fails: a check that could not be made is no failure' \
        'both-checks-ok: a sufficient answer is no failure' \
        'rubric-batch-clamp-and-strings: a lower limit of 0 is a limit of 0' \
        'type-error-in-judge-output: tokens of replies that cannot be used are counted' \
        'rubric-score-fraction: tokens of replies that cannot be used are counted' \
        'rubric-score-bad-text: tokens of replies that cannot be used are counted' \
        'gen-partial-scored: that a cut answer came without token counts is told' \
        'gen-partial-wrong: that a cut answer came without token counts is told' \
        'gen-partial-scoring-off: that a cut answer came without token counts is told' \
        'rubric-after-partial-answer: that a cut answer came without token counts is told' \
        'abstention-and-sufficiency-partial-answer: that a cut answer came without token counts is told' \
        'empty-object: a judge that speaks of no field has given no verdict' \
        'abstention-check-fails: a check that could not be made is told' \
        'rubric-batch-missing-trait: a lost trait is told' \
        'rubric-scores-empty: a judge that speaks of no trait is asked again' \
        'rubric-score-boolean: true is no score' \
        'rubric-sequential: a score beyond its limits is told' \
        'rubric-sequential-one-fails: a lost trait is told' \
        'rubric-metric-fails: a lost trait is told' \
        'rubric-strategy-null: a lost trait is told' \
        'rubric-batch-fails: what has a value keeps it' \
        'rubric-literal-batch-fails: what has a value keeps it'
}

@test "pipeline: manual traces give karenina's results" {
    check "$(data pipeline/manual.jsonl)"
}

@test "pipeline: replayed answers give karenina's results" {
    check "$(data pipeline/replay.jsonl)"
}
