# promptfoo.jq - tests of promptfoo: {"vars":{…},"assert":[{"type":…,"value":…}]}, alone, in an array,
# or in a configuration with "prompts" and "tests".
#
# An assertion looks at the output itself: most become primitives on the trace, for which no judge is
# asked. What only a model can decide becomes a field or a trait that the judge fills in. Assertions
# that are programs are refused.
include "template";

def on_trace($name; $right; $description; $check): field($name; "bool"; $description; $right; $check);

def values: if type == "array" then . elif type == "string" then split(",") | map(trim) else [tostring] end;

# The fields of an assertion; `$name` begins their names.
def fields($name; $kind; $right):
  if $kind == "equals" then
    [(.value | answer_field) | .name = $name]
    | if $right then . else error("not-equals cannot be imported") end
  elif $kind == "contains" then
    [on_trace($name; $right; "Contains a text"; {type: "TraceContains", substring: (.value | tostring)})]
  elif $kind == "icontains" then
    [on_trace($name; $right; "Contains a text in any case";
       {type: "TraceRegex", pattern: "(?i)\(.value | tostring | escaped)"})]
  elif $kind == "contains-any" or $kind == "icontains-any" then
    [on_trace($name; $right; "Contains one of some texts";
       {type: "TraceRegex", pattern: ((if $kind | startswith("i") then "(?i)" else "" end)
         + (.value | values | map(escaped) | join("|")))})]
  elif ($kind == "contains-all" or $kind == "icontains-all") and $right then
    [.value | values | to_entries[] | on_trace("\($name)_\(.key + 1)"; true; "Contains a text";
       {type: "TraceRegex", pattern: ((if $kind | startswith("i") then "(?i)" else "" end) + (.value | escaped))})]
  elif $kind == "regex" then
    [on_trace($name; $right; "Matches a pattern"; {type: "TraceRegex", pattern: (.value | tostring)})]
  elif $kind == "word-count" and (.value | type) == "object" then
    [on_trace($name; $right; "Has so many words"; {type: "TraceLength", unit: "words"} + (.value | {min, max} | with_entries(select(.value != null))))]
  elif ($kind == "llm-rubric" or $kind == "factuality" or $kind == "model-graded-closedqa" or $kind == "model-graded-factuality") then
    [field($name; "bool"; (if $kind | test("fact") then "Whether the answer agrees in substance with this reference: \(.value)"
       else "Whether the answer meets this requirement: \(.value)" end); $right; {type: "BooleanMatch"})]
  else error("an assertion of type '\(.type)' cannot be imported") end;

def assertion($i):
  (.type | tostring | ltrimstr("not-")) as $kind
  | ((.type | startswith("not-")) | not) as $right
  | (.weight // 1) as $weight
  | fields("check_\($i + 1)"; $kind; $right)[]
  | if $weight == 1 then . else . + {weight: $weight} end;

# "contains: foo" of a CSV column __expected
def expected:
  capture("^(?<type>(not-)?(equals|i?contains(-any|-all)?|regex|llm-rubric|factuality))(?<more>: *)(?<value>.*)$"; "s")
  // {type: "equals", value: .};

def asserts: [(.assert // [])[], (to_entries[] | select(.key | test("^__expected[0-9]*$")) | .value | select(. != "") | expected)];

# {{name}} in a prompt
def filled($vars): reduce ($vars | to_entries[]) as $v (.; gsub("\\{\\{ *\($v.key | escaped) *\\}\\}"; $v.value | reference));

def variables: .vars // with_entries(select(.key | startswith("__") | not));

def prompt_text: if type == "string" then . else .raw // .content // error("a prompt must stand in the file as a text") end;

def promptfoo($prompts):
  variables as $vars
  | asserts as $a
  | if $a == [] then error("there is no assertion in it") else . end
  | {fields: [range($a | length) as $i | $a[$i] | assertion($i)]} as $template
  | ([$a[] | select(.type == "equals" or .type == "factuality") | .value] | first // "") as $reference
  | . as $record
  | if $prompts == [] then
      ($vars | .question // .query // .input // .prompt // .message // (to_entries | if length == 1 then .[0].value else null end)) as $text
      | $record | question($text; $reference; $template)
    else
      $prompts[] as $p | $record | question($p | prompt_text | filled($vars); $reference; $template)
    end
  | if $record.description then .keywords = ((.keywords // []) + [$record.description]) else . end;
