# template.jq - an answer template for what is known to be right. Used by every importer.

def field($name; $type; $description; $right; $check):
  {name: $name, type: $type, description: $description, ground_truth: $right, verify_with: $check};

# The text, trimmed.
def trim: gsub("^\\s+|\\s+$"; "");

# A number that a text stands for, with thousands separators or not; nothing if it is none. A code
# such as 007 and a number with more digits than jq keeps are texts.
def number:
  trim
  | if test("^[-+]?[0-9]{1,3}(,[0-9]{3})+(\\.[0-9]+)?$") then gsub(","; "") else . end
  | if test("^[-+]?(0|[1-9][0-9]*)(\\.[0-9]+)?$") and length <= 15 then ltrimstr("+") | tonumber
    else empty end;

def truth: {"yes": true, "true": true, "no": false, "false": false}[trim | ascii_downcase];

# What stands behind the last "####", as in GSM8K.
def final: if test("####") then split("####") | last | trim else . end;

def is_whole: . == floor;

def numeric($right):
  field("answer"; (if $right | is_whole then "int" else "float" end);
    "The number given as the final answer"; $right;
    if $right | is_whole then {type: "NumericExact"}
    else {type: "NumericTolerance", tolerance: 0.001} end);

def boolean($right):
  field("answer"; "bool"; "Whether the final answer is yes (true) or no (false)"; $right;
    {type: "BooleanMatch"});

# Long answers are compared by the judge, which is shown the reference for it.
def agreement($right):
  field("agrees"; "bool";
    "Whether the answer agrees in substance with this reference: \($right)"; true;
    {type: "BooleanMatch"});

# A text as a regular expression that matches it.
def escaped: gsub("(?<c>[\\\\.^$|?*+()\\[\\]{}])"; "\\\(.c)");

# Short ones are compared as texts, in any case.
def words($first; $others):
  field("answer"; "str"; "The final answer alone, as short as possible"; ($first | trim);
    if $others == [] then {type: "ExactMatch"}
    else {type: "RegexMatch", flags: ["IGNORECASE"],
          pattern: "^\\s*(\([$first, $others[]] | map(trim | escaped) | unique | join("|")))\\s*$"} end);

def is_long: length > 60 or test("\n");

# The field for an answer: a number, a boolean, a text, or an array of texts of which any is right.
def answer_field:
  if type == "array" then
    (map(if type == "string" then . else tojson end)) as $all
    | if length == 0 then error("the answer is empty")
      elif length == 1 then .[0] | answer_field
      elif $all | any(is_long) then agreement($all | join("; or: "))
      else words($all[0]; $all[1:]) end
  elif type == "number" then numeric(.)
  elif type == "boolean" then boolean(.)
  elif type == "string" then
    final as $text
    | if $text | trim == "" then error("the answer is empty")
      else ([$text | number] | first) as $n | ($text | truth) as $t
      | if $n != null then numeric($n)
        elif $t != null then boolean($t)
        elif $text | is_long then agreement($text | trim)
        else words($text; []) end end
  else error("an answer is a text, a number, true, false or a list, not \(type)") end;

def template: {fields: [answer_field]};

# What a person reads as the reference answer.
def reference: if type == "array" then map(reference) | join("; ") elif type == "string" then . else tojson end;

# A question, with what the record says of itself.
def question($text; $answer; $template):
  if ($text | type) != "string" or ($text | trim) == "" then error("there is no question in it") else . end
  | (.id // .task_id // .uid | if type == "string" or type == "number" then tostring else null end) as $id
  | ([.category, .subject, .subject_name, .topic, .tags, .keywords,
      (.metadata | objects | .category, .subject, .tags)]
     | flatten | map(select(type == "string" and . != "")) | reduce .[] as $k ([]; if index([$k]) then . else . + [$k] end)) as $keywords
  | (if $id == null or $id == "" then {} else {id: $id} end)
    + {question: $text, answer: ($answer | reference)}
    + (if $keywords == [] then {} else {keywords: $keywords} end)
    + {template: $template};
