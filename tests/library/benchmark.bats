# Benchmarks: checkpoints and JSON Lines, rubrics, selections, the plan of tasks.
load ../helper
load ../agree

B=$DATA/benchmarks

# with_text FILTER INFO... - for each, the object FILTER makes of it, with its benchmark's text
with_text() {
    local filter=$1 info
    shift
    for info in "$@"; do
        jq -c --rawfile text "$B/$(json .benchmark "$info")" "$filter | .text = \$text" "$info"
    done
}

@test "bench: checkpoints are loaded as karenina loads them" {
    # Patterns are compiled by those who use them.
    jq -c 'select((.error.errors // .rubric_error.errors // [])[0].loc != ["pattern"])' "$B/load-checks.jsonl" >load-checks.jsonl
    kvtest benchmark load <load-checks.jsonl >got
    run agree 'if .want.error or .want.rubric_error then .got.error != null else
            . as $c | all("question_ids", "finished_ids", "question_texts", "raw_answers", "keywords",
                "template_ids", "global_rubric"; $c.got[.] == $c.want[.]) end' load-checks.jsonl got
    assert_success
    assert_output '52/52'
}

@test "bench: a rating is looked at as closely as the rest" {
    while IFS='|' read -r edit want; do
        echo "$edit"
        jq -c --arg name global-boolean 'select(.name == $name) | .text |= (fromjson | '"$edit"' | tojson)' \
            "$B/load-checks.jsonl" | kvtest benchmark load >got
        run jq -r '.error // ("ok " + .global_rubric.llm_traits[0].kind)' got
        assert_output --partial "$want"
    done <<'CASES'
.|ok boolean
.rating[0].bestRating = "1"|ok boolean
.rating[0].bestRating = true|ok boolean
.rating[0].worstRating = " 0 "|ok boolean
.rating[0].bestRating = "1e1"|ok score
.rating[0].additionalProperty += [{"name": "kind", "value": null}]|ok boolean
.rating[0].additionalProperty += [{"name": "kind"}]|ok boolean
.rating[0].bestRating = "high"|rating[0].bestRating: expected a number, got string
.rating[0].bestRating = null|rating[0].bestRating: expected a number, got null
.rating[0].ratingValue = "x"|rating[0].ratingValue: expected a number
.rating[0]["@type"] = "Review"|rating[0].@type: must be 'Rating'
.rating[0]["@id"] = 1|rating[0].@id: expected a string
.rating[0].additionalProperty = {}|rating[0].additionalProperty: expected an array, got object
.rating[0].additionalProperty += ["x"]|expected an object, got string
.rating[0].additionalProperty += [{"value": 1}]|name: missing
.rating[0].additionalProperty += [{"name": "x", "@type": "Thing"}]|@type: must be 'PropertyValue'
.creator = {"name": "N", "url": 1}|creator.url: expected a string
.dataFeedElement[0].item.hasPart.codeRepository = 1|hasPart.codeRepository: expected a string
CASES
}

@test "bench: whole benchmarks hold what karenina finds in them" {
    with_text '{}' "$B"/info-*.json | kvtest benchmark load >got
    jq -c . "$B"/info-*.json >info
    run agree '
        ([.want.questions[] | select(.selected_as_finished)]) as $q
        | .got.finished_ids == .want.finished_question_ids
        and (.got.question_ids | length) == .want.question_count
        and .got.question_texts == [$q[].text] and .got.raw_answers == [$q[].raw_answer]
        and .got.keywords == [$q[].keywords] and .got.template_ids == [$q[].template_id]
        and .got.global_rubric == .want.global_rubric
        # Of a question karenina dumps every attribute, also those its file does not give.
        and ([.want.question_rubrics | .. | objects | select(has("name")) | del(.include_ground_truth, .min_score, .max_score)])
            == ([.got.question_rubrics | .. | objects | select(has("name")) | del(.min_score, .max_score)])' info got
    assert_success
    assert_output '5/5'
}

@test "bench: positions select what karenina selects, and its reasons are given" {
    with_text '{positions: [.index_selections[].text]}' "$B"/info-*.json | kvtest benchmark choose |
        jq -c '.selections[]' >got
    jq -c '.index_selections[]' "$B"/info-*.json >index-selections
    run agree '[.got.indices, .got.error] == [.want.indices, .want.error]' index-selections got
    assert_success
    assert_output '65/65'
}

@test "bench: a position that is too high is named as the number it is" {
    local text
    text=$(jq -n --rawfile text "$B/plain.jsonld" '$text')
    run bash -c 'jq -nc --argjson text "$1" "{text: \$text, positions: [\"+99\", \" 9_9 \", \"0-99\", \"\\u2003x\\u00a0\"]}" |
        kvtest benchmark choose | jq -r ".selections[].error | sub(\" .total.*\"; \"\")"' - "$text"
    assert_output "Index out of range: 99
Index out of range: 99
Index out of range: 0-99
Invalid index: x"
}

@test "bench: manifests and execution orders are karenina's" {
    with_text '{config, questions, question_ids: (.question_ids | if type == "array" then join(",") else . end)}' \
        "$B"/manifest-*.json | kvtest benchmark plan >got
    jq -c . "$B"/manifest-*.json >manifests
    run agree '[.got.manifest, .got.execution_order, .got.auto_resolves_to]
        == [.want.manifest, .want.execution_order, .want.auto_resolves_to]' manifests got
    assert_success
    assert_output '16/16'
}

# lines_of TEXT - what the driver makes of a benchmark in JSON Lines
lines_of() {
    jq -n -c --arg text "$1" '{text: $text}' | kvtest benchmark load
}

@test "bench: questions in JSON Lines need nothing but a question" {
    run lines_of '{"question": "What is 2+2?"}

{"id": "b", "question": "B", "answer": "x", "keywords": ["k"], "template": "class Answer: pass", "finished": "no"}'
    assert_success
    assert_equal "$(json -c '[.question_ids, .finished_ids, .template_ids, .raw_answers]' <<<"$output")" \
        '[["urn:uuid:question-what-is-2+2-936dbc87","b"],["urn:uuid:question-what-is-2+2-936dbc87"],["no_template"],[null]]'
}

@test "bench: a line of questions that is not understood is named, with all that is wrong" {
    run lines_of '{"question": "a", "templat": {}}
{"id": 5, "question": ""}
[]
{"question": "a", "keywords": "k"}'
    assert_success
    assert_equal "$(json -r '.errors[]' <<<"$output")" "line 1.templat: unknown key: nearest is template; known are id, question, answer, keywords, template, finished, few_shot_examples, rubric, workspace_path
line 2.id: expected a string, got number
line 2.question: must not be empty
line 3: expected an object, got array
line 4.keywords: expected an array of strings
two questions have the id 'urn:uuid:question-a-0cc175b9'"
}

@test "bench: the digest follows content, not spelling, dates or authors" {
    with_text '{}' "$B/info-plain.json" >a
    jq -c '.text |= (fromjson | .dateModified = "x" | .description = "other"
        | .dataFeedElement[].dateModified = "y" | tojson)' a >b
    jq -c '.text |= (fromjson | .dataFeedElement[0].item.acceptedAnswer.text = "other" | tojson)' a >c
    run bash -c 'cat a b c | kvtest benchmark load | jq -r .digest'
    assert_success
    assert_equal "${lines[0]}" "${lines[1]}"
    refute [ "${lines[0]}" = "${lines[2]}" ]
}
