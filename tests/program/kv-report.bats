# kv-report: what results say, in numbers that hold, in forms in which nothing of a file can act.
load ../helper
load ../quiz

# rows SET [N] - invented results in results.json
rows() {
    python3 "$DATA/report/make-rows" "$@" >results.json
}

# complains PATTERN - does standard error have a line like this?
complains() {
    grep -qE -- "$1" <<<"$stderr" || fail "standard error has no '$1': $stderr"
}

# oracle OPTION... - are the numbers those that Python finds on its own?
oracle() {
    python3 "$DATA/report/oracle" "$@" <report.json
}

@test "kv-report: three sets of results have the numbers that Python finds on its own" {
    local set
    for set in uneven single wide; do
        rows "$set"
        kv-report --json results.json >report.json
        run oracle results.json
        echo "$set: $output"
        assert_success
        printf '# %s: %s\n' "$set" "${lines[-1]}" >&3
    done
}

@test "kv-report: the numbers that Python finds differ from a report with one that is wrong" {
    rows uneven
    kv-report --json results.json |
        jq -c '.models[0].interval[0] += 0.001 | .pairs[1].p_holm *= 0.99 | .usage[0].input_tokens += 1' >report.json
    run oracle results.json
    assert_failure
    assert_line --regexp 'interval\[0\]: .* not '
    assert_line --regexp 'pairs\[1\]\.p_holm: .* not '
    assert_line --regexp 'usage\[0\]\.input_tokens: .* not '
}

@test "kv-report: questions that share a text are one unit with --cluster" {
    rows uneven
    kv-report --json --cluster text: results.json >report.json
    run oracle --cluster text: results.json
    assert_success
    assert_not_equal "$(jq '.pairs[0].se' report.json)" "$(kv-report --json results.json | jq '.pairs[0].se')"
    run --separate-stderr kv-report --json --cluster txt: results.json
    assert_failure 2
    assert_stderr "kv-report: --cluster txt:: no keyword of results.json begins so (try 'kv-report --help')"
}

# then_and_now FILTER - results.json, and then.json with it changed by a jq filter
then_and_now() {
    jq -c "$1" results.json >then.json
}

@test "kv-report: of two files each model is compared with itself on the questions of both" {
    rows uneven
    then_and_now '.results |= (to_entries | map(select(.value.metadata.question_id != "q03") | .key as $i | .value
        | if $i % 7 == 0 and .template.verify_result == false then .template.verify_result = true
          | .metadata.failure = null else . end))'
    kv-report --json then.json results.json >report.json
    run oracle results.json then.json
    assert_success
    assert_equal "$(jq '.runs | length' report.json)" 6
    assert_equal "$(jq -c '[.runs[].only_b] | unique' report.json)" '[1]'
}

@test "kv-report: a run in progress says so, by whichever of its names it is called" {
    local name
    cp "$DATA/states-v1/newer-and-older/results.json."* . 2>/dev/null ||
        cp "$DATA/states-v1/all-done/results.json."* .
    for name in results.json results.json.tmp results.json.state; do
        run --separate-stderr kv-report --text "$name"
        echo "$name"
        assert_success
        assert_line --index 0 --regexp '^results.json.tmp: [0-9]+ results, [0-9]+ questions \(in progress'
    done
    kv-report -o page.html results.json.tmp
    grep -q '<p class="banner" role="status">This run is in progress: ' page.html
    assert_equal "$(kv-report --json results.json | jq -r '.files[0].config_hash')" \
        "$(jq -r .config_hash results.json.state)"
}

@test "kv-report: JSON Lines of layout 2.0 are read, and a torn line is told" {
    cp "$DATA/states-v2/all-done/results.json."* .
    local rows
    rows=$(wc -l <results.json.results.jsonl)
    printf '{"metadata": {"question' >>results.json.results.jsonl
    run --separate-stderr kv-report --json results.json.state
    assert_success
    assert_equal "$(json '[.files[0].unreadable, .files[0].complete] | @csv' <<<"$output")" 1,false
    assert [ "$(json '.files[0].rows' <<<"$output")" -le "$rows" ]
}

@test "kv-report: a row that was superseded does not count" {
    rows uneven
    run --separate-stderr kv-report --json results.json
    assert_equal "$(json '.files[0] | [.rows, .superseded] | @csv' <<<"$output")" 170,9
}

@test "kv-report: no results, one, and only errors" {
    local form
    for form in --text --json --md --junit --html; do
        run --separate-stderr kv-report "$form" "$(data exports/empty/export.json)"
        assert_success
        run --separate-stderr kv-report "$form" "$(data exports/one-row/export.json)"
        assert_success
        rows uneven
        jq -c '.results |= map(select(.metadata.failure.category == "timeout"))' results.json >errors.json
        run --separate-stderr kv-report "$form" errors.json
        assert_success
    done
    kv-report --json errors.json >report.json
    assert_equal "$(jq -c '.models[0] | [.scored, .rate, .interval, .bounds]' report.json | values)" '[0,null,null,[0,1]]'
}

@test "kv-report: the same results give the same bytes, whatever the clock and the language" {
    local form
    rows uneven
    for form in --text --json --md --junit --html; do
        kv-report "$form" results.json >one
        TZ=Asia/Tokyo LC_ALL=de_DE.UTF-8 kv-report "$form" results.json >two
        cmp one two
    done
}

@test "kv-report: the name of the output chooses its form" {
    local ending begins
    rows single
    while read -r ending begins; do
        kv-report -o "r.$ending" results.json
        assert_equal "$(head -c "${#begins}" "r.$ending")" "$begins"
    done <<'CASES'
html <!doctype html>
md ### results.json
txt results.json: 80 results
json {"files":[
xml <?xml version
CASES
    run --separate-stderr kv-report --json -o r.html results.json
    assert_equal "$(head -c 9 r.html)" '{"files":'
    run --separate-stderr kv-report --json --md results.json
    assert_failure 2
}

@test "kv-report: what cannot be reported leaves the report that is there" {
    echo precious >r.html
    run --separate-stderr kv-report -o r.html missing.json
    assert_failure 3
    assert_stderr 'kv-report: missing.json: no such file or directory'
    rows single
    run --separate-stderr kv-report --share . -o r.html results.json
    assert_failure 3
    assert_equal "$(cat r.html)" precious
    assert_equal "$(ls -A -I 'separate-stderr*')" "$(printf '%s\n' r.html results.json)"
}

@test "kv-report: what is no result is named with its place" {
    local text
    printf '{"results":[\n{"metadata":{}}]}' >bad.json
    run --separate-stderr kv-report bad.json
    assert_failure 3
    complains '^kv-report: bad.json:2: metadata\.'
    for text in '{' '[]' '{"results":7}' ''; do
        printf '%s' "$text" >bad.json
        run --separate-stderr kv-report bad.json
        echo "$text"
        assert_failure 3
        assert_equal "${#stderr_lines[@]}" 1
    done
}

# ---- limits ----

@test "kv-report: --fail-below is kept by the lower end of the interval, not by the rate" {
    rows single
    run --separate-stderr kv-report --text --fail-below 0.65 results.json
    assert_failure 1
    assert_stderr 'kv-report: langchain:pine: rate 62.5 % of n = 40, and may be as low as 47.0 %: below 65.0 %'
    run --separate-stderr kv-report --text --fail-below 40% results.json
    assert_success
    run --separate-stderr kv-report --text --fail-below 1.5 results.json
    assert_failure 2
    jq -c '.results |= map(.metadata.failure = {"category":"timeout","stage":"s","reason":"r"})' results.json >none.json
    run --separate-stderr kv-report --text --fail-below 0 none.json
    assert_failure 1
    assert_line --index 0 --partial 'none.json'
    complains 'no rate: none of its 40 results has a verdict'
}

@test "kv-report: --fail-on-regression fails what is clearly lower, and not what chance explains" {
    rows single
    then_and_now '.results |= map(.template.verify_result = true | .metadata.failure = null)'
    run --separate-stderr kv-report --text --fail-on-regression then.json results.json
    assert_failure 1
    complains 'langchain:pine: lower than then by 37.5 points'
    run --separate-stderr kv-report --text --fail-on-regression results.json then.json
    assert_success
    then_and_now '.results |= (to_entries | map(.key as $i | .value | if $i == 3 then .template.verify_result = true
        | .metadata.failure = null else . end))'
    run --separate-stderr kv-report --text --fail-on-regression then.json results.json
    assert_success
    run --separate-stderr kv-report --text --fail-on-regression results.json
    assert_failure 2
}

@test "kv-report: a baseline is a model of the results, by its name or the bare one" {
    rows single
    jq -c '.results |= map(if .metadata.answering.model_name == "oak" then .template.verify_result = true
        | .metadata.failure = null else . end)' results.json >r.json
    run --separate-stderr kv-report --text --baseline oak --fail-on-regression r.json
    assert_failure 1
    complains 'langchain:pine: lower than the baseline by 37.5 points'
    run --separate-stderr kv-report --text --baseline langchain:pine --fail-on-regression r.json
    assert_success
    run --separate-stderr kv-report --text --baseline ash --fail-on-regression r.json
    assert_failure 2
    complains 'no answering model of r.json'
}

# ---- money ----

@test "kv-report: a price file prices what the service did not name, and nothing else" {
    rows single
    jq -c '.results |= map(if .metadata.answering.model_name == "oak" then del(.template.usage_metadata[].kv_cost?) else . end)' \
        results.json >r.json
    # 40 answers each: 80 tokens in, 30 out; the judge is not priced
    echo '{"oa*":{"input":2,"output":8}}' >prices.json
    run --separate-stderr kv-report --json --prices prices.json r.json
    assert_success
    jq -e '(.usage[0].cost - 40 * (80 * 2 + 30 * 8) / 1e6 | fabs) < 1e-12
        and (.usage[1].cost - 0.08 | fabs) < 1e-12 and .usage[2].cost == null
        and (.usage[0].cost_per_pass - .usage[0].cost / 33 | fabs) < 1e-12' <<<"$output"
    assert_equal "$(kv-report --json r.json | jq '.usage[0].cost')" null
    run --separate-stderr kv-report --json --prices missing.json r.json
    assert_failure 3
    echo '[' >prices.json
    run --separate-stderr kv-report --json --prices prices.json r.json
    assert_failure 3
    complains '^kv-report: prices.json'
}

# ---- labels ----

# label JUDGE_IS_RIGHT - labels for all results of oak, of which every fifth contradicts the judge
label() {
    jq -c '[.results[] | select(.metadata.answering.model_name == "oak")] | to_entries[] | .key as $i | .value
        | {question_id: .metadata.question_id, answering: "oak",
           label: (if $i % 5 == 0 then (.template.verify_result | not) else .template.verify_result end)}' results.json
}

@test "kv-report: labels of people say how well a judge finds right and wrong answers" {
    rows single
    label >labels.jsonl
    kv-report --json --labels labels.jsonl results.json >report.json
    # of 33 passed and 7 wrong ones of oak, those at places 0, 5, 10 ... are said to be the other way
    want=$(jq -c '[.results[] | select(.metadata.answering.model_name == "oak") | .template.verify_result] | to_entries
        | map({v: .value, l: (if .key % 5 == 0 then .value | not else .value end)})
        | [map(select(.v and .l)), map(select(.v and (.l | not))), map(select((.v | not) and .l)),
           map(select((.v | not) and (.l | not)))] | map(length)' results.json)
    assert_equal "$(jq -c '.people[0].table' report.json)" "$want"
    assert_equal "$(jq -c '.people[0].enough, (.corrected | length)' report.json)" $'false\n0'
    printf '%s\n' '{"question_id":"zz","answering":"oak","label":true}' >>labels.jsonl
    assert_equal "$(kv-report --json --labels labels.jsonl results.json | jq -c '[.labels, .labels_unmatched]')" '[41,1]'
}

@test "kv-report: with labels enough a rate is corrected for the judge's errors" {
    rows many 400
    jq -c '.results[] | {question_id: .metadata.question_id, answering: .metadata.answering.model_name,
        label: (.template.verify_result != (.metadata.question_id | ltrimstr("m") | tonumber % 10 == 0))}' results.json >labels.jsonl
    kv-report --json --labels labels.jsonl results.json >report.json
    jq -e '.people[0] as $p | all(.corrected[]; . as $c | ($c.interval[0] <= $c.rate) and ($c.rate <= $c.interval[1])) and
        (.models[0] as $m | .corrected[] | select(.answering == $m.answering)
         | (.rate - ((($m.rate + $p.tnr - 1) / ($p.tpr + $p.tnr - 1)) | if . > 1 then 1 elif . < 0 then 0 else . end)
            | fabs) < 1e-9)' report.json
    assert_equal "$(jq '.corrected | length' report.json)" 4
    assert_equal "$(kv-report --json --labels labels.jsonl results.json)" "$(cat report.json)"
}

@test "kv-report: a label that is none is named with its line" {
    local line
    rows single
    for line in '{"question_id":"s01"}' '{"question_id":7,"label":true}' 'no' '{"question_id":"s01","label":"yes"}'; do
        printf '{"question_id":"s01","answering":"oak","label":true}\n%s\n' "$line" >labels.jsonl
        run --separate-stderr kv-report --text --labels labels.jsonl results.json
        echo "$line"
        assert_failure 3
        complains '^kv-report: labels.jsonl:2:'
    done
}

# ---- what a file says cannot act ----

@test "kv-report: hostile texts leave no control character, mark of direction or escape in any text" {
    local form
    rows halves
    for form in --text --md; do
        kv-report "$form" results.json >out
        python3 - out <<'PY'
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
bad = re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]", text)
assert not bad, bad
assert "[U+202E]" in text or "\\[U+202E\\]" in text
PY
    done
    ! grep -qE '<(script|img|b>)|https?://|[^\\]`|(^|[^\\])\[link' out
}

@test "kv-report: a page of hostile texts has no element, attribute or link but its own" {
    rows halves
    kv-report --html results.json >page.html
    python3 - page.html <<'PY'
import html.parser, sys
text = open(sys.argv[1], encoding="utf-8", newline="").read()
seen, found = {}, []
allowed = set("""html head meta title style body header p h1 h2 h3 h4 nav a main section div table caption thead tbody tr
    th td br small bdi span svg rect path form label input select option output details summary i b dl dt dd pre code
    ul li strong script circle text""".split())
class Page(html.parser.HTMLParser):
    def handle_starttag(self, tag, attrs):
        seen[tag] = seen.get(tag, 0) + 1
        if tag not in allowed:
            found.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name in ("src", "srcdoc", "action", "style"):
                found.append((tag, name))
            if name == "href" and not value.startswith("#"):
                found.append((tag, value))
Page().feed(text)
assert not found, found
assert seen["script"] == 1 and seen["style"] == 1, seen
assert "default-src 'none'" in text and "{{" not in text.replace("{{title}} {{style}}", "")
bad = [c for c in text if ord(c) < 32 and c not in "\n\t" or 0x202a <= ord(c) <= 0x202e or 0xd800 <= ord(c) < 0xe000]
assert not bad, bad
PY
}

@test "kv-report: JUnit of hostile texts is XML, and tells no answer" {
    rows halves
    kv-report --junit results.json >junit.xml
    python3 - junit.xml <<'PY'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
cases = list(root.iter("testcase"))
assert len(cases) == 32, len(cases)
assert int(root.get("tests")) == len(cases)
assert int(root.get("failures")) == sum(c.find("failure") is not None for c in cases)
assert int(root.get("errors")) == sum(c.find("error") is not None for c in cases)
PY
    rows uneven
    kv-report --junit results.json >junit.xml
    ! grep -q 'about [0-9]' junit.xml
}

# ---- size ----

@test "kv-report: a hundred thousand results take less than 20 MB, and a page less than 30" {
    [ -z "${KV_SAN:-}" ] || skip 'sanitizers hold more'
    rows many 4
    awk -v n=25000 'NR == 1 { print; next }
        /^\{/ { row[++rows] = $0; sub(/,$/, "", row[rows]) }
        END {
            for (i = 0; i < n; i++)
                for (j = 1; j <= rows; j++) {
                    text = row[j]
                    gsub(/m000000/, "m" i, text)
                    printf "%s%s\n", text, i < n - 1 || j < rows ? "," : ""
                }
            print "]}"
        }' results.json >large.json
    assert_equal "$(grep -c '^{"metadata"' large.json)" 100000
    run -0 peak peak.kb kv-report -o page.html large.json
    [ "$(cat peak.kb)" -le 20000 ] || fail "$(cat peak.kb) KB"
    [ "$(wc -c <page.html)" -le 30000000 ] || fail "$(wc -c <page.html) bytes"
    tail -n 1 page.html | grep -q '</html>'
    kv-report --json large.json | jq -e '.files[0].rows == 100000 and (.models | length) == 4'
}

@test "kv-report: jobs of any kind have a report too: what failed, and why" {
    printf '{"results":[{"task_id":"a/<b>","bytes":7},{"task_id":"b","error":"boom 17"},{"task_id":"c","error":{"message":"boom 18"}},{"task_id":"a/<b>","bytes":8}]}' >results.json
    run --separate-stderr kv-report --json results.json
    assert_success
    assert_equal "$(json '.models[0].outcomes, .failures' <<<"$output" | jq -c .)" \
        '{"error":2,"unscored":1}
[{"outcome":"error","category":"error","stage":"","reason":"boom N","count":2,"models":1,"examples":["b","c"]}]'
    # what no row says is not 0
    assert_equal "$(json '.models[0] | has("first_token")' <<<"$output")" false
    kv-report --html results.json >page.html
    grep -q '&quot;bytes&quot;: 8' page.html
    kv-report --junit results.json >one.xml
    grep -q 'message="error: boom 17"' one.xml
}

@test "kv-report: on a terminal it is text as wide as that, elsewhere a page" {
    rows single
    python3 - >shown <<'PY'
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    os.execvp("kv-report", ["kv-report", "results.json"])
while True:
    try:
        piece = os.read(fd, 4096)
    except OSError:
        break
    if not piece:
        break
    sys.stdout.buffer.write(piece.replace(b"\r", b""))
PY
    assert_equal "$(head -n 1 shown)" 'results.json: 80 results, 40 questions'
    grep -q '^oak ' shown
    assert [ "$(sed -n '/^judged/,/^$/p' shown | awk '{ if (length($0) > m) m = length($0) } END { print m }')" -le 64 ]
    assert_equal "$(kv-report results.json | head -c 9)" '<!doctype'
}

# uncounted BODY - a run of three answers of which the server counts tokens as BODY says, and those of the judge never
uncounted() {
    bench 3
    jq -n --argjson usage "$1" '{rules: [
        {when: {judge: true}, do: {body: {choices: [{message: {content: "{\"n\": 7}"}, finish_reason: "stop"}]}}},
        {do: {body: ({choices: [{message: {content: "It is 7."}, finish_reason: "stop"}]} + $usage)}}]}' >script.json
    start_provider --script script.json
    quiz_preset 1
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    kv-run r.json.state | kv-append -q r.json.state
    kv-status --usage r.json.state >usage
    kv-finalize r.json.state >summary
    kv-report --json r.json >report.json
}

@test "report: what a judge used is not known where its server does not count, whoever counts the answers" {
    uncounted '{"usage": {"prompt_tokens": 5, "completion_tokens": 6}}'
    assert_equal "$(jq -c '[.usage[] | [.role, .input_tokens, .output_tokens]]' report.json)" \
        '[["answering",15,18],["judge",null,null]]'
    run kv-report --text r.json
    assert_line --regexp '^openai_endpoint:judge \(j\) +judge +3 +– +– +– +– +–$'
}

@test "report: where nobody counts, state and summary do not say 0 either" {
    uncounted '{}'
    assert_equal "$(jq -c '.usage[] | [.calls, .uncounted, .input, .output]' usage)" '[3,3,null,null]'
    assert_equal "$(jq -c '[.tokens, (.usage[] | [.uncounted, .input])]' summary)" \
        '[{"input":null,"output":null,"total":null},[3,null]]'
    assert_equal "$(jq -c '[.usage[].input_tokens]' report.json)" '[null,null]'
}
