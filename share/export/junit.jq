# junit - results as JUnit XML: a suite a model and judge, a case a result. Answers are left out: logs
# of CI are often public. kv-report --junit writes the same of any number of results.
include "results";

# The characters that XML 1.0 does not have become U+FFFD.
def xml: gsub("[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]"; "\ufffd")
  | gsub("&"; "&amp;") | gsub("<"; "&lt;") | gsub(">"; "&gt;") | gsub("\""; "&quot;") | gsub("'"; "&#39;")
  | gsub("\n"; "&#10;") | gsub("\t"; "&#9;") | gsub("\r"; "&#13;");
def attribute: cut(512) | xml;
def number: . * 1000 | round / 1000 | tostring;
def name: "\(answering | if . == "" then "–" else . end) / \(judge | if . == "" then "–" else . end)" | attribute;

# Of a suite, or of all: the element around them has no count of skipped ones in Jenkins' schema.
def sums($suite):
  map(outcome) as $o
  | "tests=\"\(length)\" failures=\"\($o | map(select(. == "wrong" or . == "declined" or . == "insufficient")) | length)\""
  + " errors=\"\($o | map(select(. == "error")) | length)\""
  + (if $suite then " skipped=\"\($o | map(select(. == "unscored")) | length)\"" else "" end)
  + " time=\"\(map(seconds) | add // 0 | number)\"";
def message($o): "\(.metadata.failure?.category? // $o): \(reason)" | cut(1024) | xml;
def compared: "expected \(.template.parsed_gt_response? | tojson | cut(4096) | xml), got \(
  .template.parsed_llm_response? | tojson | cut(4096) | xml)";

def testcase:
  outcome as $o
  | "<testcase classname=\"\(name)\" name=\"\(question | attribute)\(
      .metadata.replicate? | if . then " #\(.)" else "" end)\" time=\"\(seconds | number)\""
  + if $o == "passed" then "/>"
    elif $o == "unscored" then "><skipped message=\"no verdict\"/></testcase>"
    elif $o == "error" then "><error type=\"error\" message=\"\(message($o))\"></error></testcase>"
    else "><failure type=\"\($o)\" message=\"\(message($o))\">\(compared)</failure></testcase>" end;

[rows[] | chosen] as $all
| "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
  "<testsuites name=\"kv\" \($all | sums(false))>",
  ($all | group_by([judge, answering])[]
   | "<testsuite name=\"\(.[0] | name)\" \(sums(true))"
     + (.[0].metadata.timestamp? // "" | if length == 19 then " timestamp=\"\(sub(" "; "T") | xml)\"" else "" end) + ">",
     (.[] | testcase),
     "</testsuite>"),
  "</testsuites>"
