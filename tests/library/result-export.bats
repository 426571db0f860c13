# Exports: one document, or CSV, as karenina writes them.
load ../helper

# agree KIND FILE - walks the cases: kvtest result KIND DIR must give FILE, byte for byte
agree() {
    local agreed=0 total=0 dir
    for dir in "$DATA"/exports/*/; do
        total=$((total + 1))
        if kvtest result "$1" "$dir" | cmp "$dir$2"; then
            agreed=$((agreed + 1))
        fi
    done
    agreement "exports/*/$2" "$agreed/$total"
    [ "$agreed" -eq "$total" ] && [ "$total" -gt 0 ]
}

# one_row FILTER - a case of one row, changed, in the directory one
one_row() {
    mkdir -p one
    cp "$DATA/exports/one-row/job.json" one
    jq -c "$1" "$DATA/exports/one-row/rows.jsonl" >one/rows.jsonl
}

# cell COLUMN - of the one row; only good for rows without line ends in their cells
cell() {
    kvtest result csv one | tr -d '\r' | awk -F, -v name="$1" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) n = i }
        NR == 2 { print $n }'
}

@test "export: the document is karenina's, byte for byte" {
    agree export export.json
}

@test "csv: the export is karenina's, byte for byte" {
    agree csv export.csv
}

@test "csv: falsy values are empty cells, false is told from true only where karenina does" {
    local column filter want
    while IFS='|' read -r column filter want; do
        echo "$column $filter"
        one_row ".metadata.question_text = \"q\" | $filter"
        assert_equal "$(cell "$column")" "$want"
    done <<'CASES'
verify_result|.template.verify_result = true|true
verify_result|.template.verify_result = false|
verify_granular_result|.template.verify_granular_result = 0.5|0.5
verify_granular_result|.template.verify_granular_result = 0|
parsed_llm_response|.template.parsed_llm_response = {}|
replicate|.metadata.replicate = 2|2
replicate|.metadata.replicate = 0|
success|.metadata.failure = null|True
rubric_evaluation_performed|.rubric = {"rubric_evaluation_performed": "yes"}|True
execution_time|.metadata.execution_time = 3|3.0
CASES
}

@test "csv: a row without a template has its defaults" {
    one_row '.template = null | .metadata.question_text = "q"'
    assert_equal "$(cell template_verification_performed)" False
    assert_equal "$(cell raw_llm_response)" ''
}

@test "csv: a global trait that has no value is an empty cell, as one that is missing" {
    local value want
    while IFS='|' read -r value want; do
        one_row ".metadata.question_text = \"q\" | .rubric = {\"llm_trait_scores\": {\"Clear\": $value}}"
        jq '.rubric_definition = {"llm_traits": [{"name": "Clear"}]}' one/job.json >job
        mv job one/job.json
        assert_equal "$(cell rubric_Clear)" "$want"
    done <<'CASES'
null|
false|False
0|0
"x"|x
CASES
}

@test "csv: a lone surrogate becomes the replacement character" {
    one_row '.metadata.question_text = "q" | .metadata.run_name = "SURROGATE"'
    sed -i 's/SURROGATE/a\\ud800b/' one/rows.jsonl
    assert_equal "$(cell run_name)" $'a\ufffdb'
}
