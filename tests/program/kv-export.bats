# kv-export: results as other tools read them, each with the same outcome.
load ../helper

rows() {
    python3 "$DATA/report/make-rows" "$@" >results.json
}

@test "kv-export: every format tells the outcomes that kv-report counts" {
    rows uneven
    kv-report --json results.json | jq -cS '[.models[].outcomes | to_entries[]] | group_by(.key)
        | map({key: .[0].key, value: (map(.value) | add)}) | from_entries' >want
    kv-export --to promptfoo results.json | jq -scS 'group_by(.metadata.outcome)
        | map({key: .[0].metadata.outcome, value: length}) | from_entries' | diff want -
    kv-export --to csv results.json >r.csv
    python3 -c 'import collections, csv, json
rows = list(csv.DictReader(open("r.csv", newline="")))
print(json.dumps(collections.Counter(r["outcome"] for r in rows), sort_keys=True, separators=(",", ":")))' | diff want -
    kv-export --to md results.json | python3 -c 'import collections, json, sys
signs = collections.Counter(c for l in list(sys.stdin)[2:-1] for c in l.split("|", 2)[-1] if c in "✓✗–!")
print(json.dumps(signs, sort_keys=True))' >signs
    assert_equal "$(jq -c '[."✓", ."✗", ."–", ."!"]' signs)" \
        "$(jq -c '[.passed, .wrong + .insufficient, .declined, .error]' want)"
    for judge in judge-a judge-b; do
        for model in oak pine elm; do
            kv-export --to inspect --model "$model" --judge "$judge" results.json
        done
    done | jq -scS '[.[].samples[].metadata.outcome] | group_by(.) | map({key: .[0], value: length}) | from_entries' | diff want -
}

@test "kv-export: JUnit is what kv-report --junit writes, of hostile texts too" {
    local set
    for set in uneven hostile; do
        rows "$set"
        kv-export --to junit results.json >one.xml
        kv-report --junit results.json >two.xml
        python3 - one.xml two.xml <<'PY'
import sys, xml.etree.ElementTree as tree
def cases(path):
    root = tree.parse(path).getroot()
    assert float(root.get("time")) > 0
    return [root.get(k) for k in ("tests", "failures", "errors")] + [s.get("skipped") for s in root], sorted(
        (s.get("name"), c.get("classname"), c.get("name"), float(c.get("time")),
         [(x.tag, sorted(x.attrib.items()), x.text or "") for x in c])
        for s in root.iter("testsuite") for c in s.iter("testcase"))
one, two = map(cases, sys.argv[1:])
assert one == two, next((a, b) for a, b in zip(one[1], two[1]) if a != b)
PY
    done
}

@test "kv-export: a table for a spreadsheet has no formula" {
    rows single
    jq -c '.results |= map(.metadata.question_text = "=HYPERLINK(\"http://example.com\",\"x\")"
        | .metadata.raw_answer = "@SUM(A1)" | .template.raw_llm_response = "+1\n-2, \"quoted\"")' results.json >r.json
    kv-export --to csv r.json >r.csv
    python3 - <<'PY'
import csv
rows = list(csv.DictReader(open("r.csv", newline="")))
assert len(rows) == 80
for r in rows:
    assert all(not v or v[0] not in "=+@\t\r" for v in r.values()), r
    assert r["answer"] == "'+1\n-2, \"quoted\"", r["answer"]
PY
}

@test "kv-export: an inspect log has what its schema requires, of one model and judge" {
    rows uneven
    run --separate-stderr kv-export --to inspect results.json
    assert_failure 3
    assert_stderr "kv-export: results.json: an inspect log holds one model and judge: choose with --model and --judge among $(
        kv-report --json results.json | jq -r '[.models[] | "\(.answering) / \(.judge)"] | sort | join(", ")')"
    kv-export --to inspect --model oak --judge 'langchain:judge-a (j)' results.json >log.json
    jq -e '.version == 2 and .status == "success" and (.eval | has("created") and has("task") and has("dataset")
        and has("model") and has("config")) and (.samples | length) == 30
        and ([.samples[] | "\(.id) \(.epoch)"] | unique | length) == 30
        and all(.samples[]; has("input") and has("target") and (.scores.kv.value // "C" | IN("C", "I", "N")))
        and ([.samples[] | select(.error)] | length) == 1
        and .results.scores[0].metrics.accuracy.value == 20/29' log.json
    # what was cached is no input there
    jq -e 'all(.samples[]; .output.usage | .input_tokens + .input_tokens_cache_read >= .input_tokens_cache_read)
        and .samples[0].output.usage.input_tokens_cache_read == 10' log.json
}

@test "kv-export: samples of lm-eval hold the replicates of a question in one line" {
    rows uneven
    kv-export --to lm-eval --judge judge-a results.json >samples.jsonl
    jq -se 'all(.[]; (.doc_id | type) == "number" and (.resps[0] | length) == (.outcomes | length)
        and .acc == (.outcomes | map(if . == "passed" then 1 else 0 end) | add / length))
        and all(.[]; .outcomes | index("error") | not)
        and ([.[] | [.model, .doc_id]] | unique | length) == length' samples.jsonl
}

@test "kv-export: lines of promptfoo have what its server requires" {
    rows single
    kv-export --to promptfoo results.json >out.jsonl
    jq -se 'length == 80 and all(.[]; (.promptIdx | type) == "number" and (.testIdx | type) == "number"
        and (.success | type) == "boolean" and (.score | type) == "number" and .success == .gradingResult.pass)
        and ([.[] | select(.failureReason == 1)] | length) == 22' out.jsonl
}

@test "kv-export: a run in progress is exported by any of its names" {
    local name
    cp "$DATA/states-v1/all-done/results.json."* .
    kv-export --to promptfoo results.json.tmp >want
    for name in results.json results.json.state; do
        kv-export --to promptfoo "$name" | cmp want -
    done
    kv-export --to promptfoo - <results.json.tmp | cmp want -
}

@test "kv-export: a wrong option, format or file is named" {
    run --separate-stderr kv-export results.json
    assert_failure 2
    assert_stderr "kv-export: --to takes one of: csv inspect junit lm-eval md promptfoo (try 'kv-export --help')"
    run --separate-stderr kv-export --to pdf results.json
    assert_failure 2
    run --separate-stderr kv-export --to csv
    assert_failure 2
    run --separate-stderr kv-export --to csv missing.json
    assert_failure 3
    assert_stderr 'kv-export: missing.json: no such file or directory'
    echo '{"results":[' >torn.json
    run --separate-stderr kv-export --to csv torn.json
    assert_failure 3
    assert_equal "${#stderr_lines[@]}" 1
    run --separate-stderr kv export --help
    assert_success
    assert_line --index 0 --partial 'usage: kv-export --to FORMAT'
}
