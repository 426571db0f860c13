# import.jq - questions of many makers as a benchmark: kv import FILE runs it.
#
# Records come one by one; each is told by what it has. To take in another form, add a file beside
# this one, and a line to `one`. Prints a line of JSON a question, and "!N: reason" for a record that
# cannot be one.
include "template";
include "csv";
include "qa";
include "choice";
include "chat";
include "promptfoo";

def has_chat: (.input | type) == "array" and (.input | all(type == "object"));

def one:
  if type != "object" then error("a record is an object, not \(type)")
  elif (.question | type) == "string" and (.template | type) == "object" then .
  elif has("assert") or has("vars") or (keys | any(startswith("__expected"))) then promptfoo([])
  elif options != null then choice(if has_chat then .input | chat_text else qa_question end)
  elif has_chat then (.input | chat_text) as $text | qa_answer as $a | question($text; $a; $a | template)
  else qa end;

# The records of a value: itself, the items of an array, or of the list that an object wraps.
def records:
  if type == "array" then .[]
  elif type == "object" and (.tests | type) == "array" then .
  elif type == "object" then
    ([.data, .samples, .questions, .examples, .records, .rows | arrays] | first) as $list
    | if $list and (has("question") or has("input") | not) then $list[] else . end
  else . end;

def questions:
  if type == "object" and (.tests | type) == "array" then
    ((.prompts // []) | if type == "array" then . else [.] end) as $prompts | .tests[] | promptfoo($prompts)
  else one end;

def numbered(f): foreach f as $x (0; . + 1; [., $x]);

numbered((if $table then csv else inputs | records end))
| . as [$n, $record]
| try ($record | questions | tojson) catch "!\($n): \(.)"
