# choice.jq - multiple choice: a question, the options, and which is right.
#
# Options: "choices" or "options", an array of texts, an object of letters, or {"text":…,"label":…}
# (ARC); or columns A, B, C, … (MMLU as CSV). Right: an index from 0, a letter, or the text itself.
include "template";

def letters: [range(26) | [65 + .] | implode];

# [[letter, text], …], or null.
def options:
  (.choices // .options // .multiple_choice) as $c
  | if ($c | type) == "array" then [range($c | length) as $i | [letters[$i], ($c[$i] | reference)]]
    elif ($c | type) == "object" and ($c | has("text") and has("label")) then
      [range($c.text | length) as $i | [($c.label[$i] | tostring), $c.text[$i]]]
    elif ($c | type) == "object" then $c | to_entries | map([.key, (.value | reference)])
    elif (.A | type) == "string" and (.B | type) == "string" then
      . as $r | [letters[] | select(($r[.] | type) == "string" and $r[.] != "") | [., $r[.]]]
    else null end;

# The letter that is right.
def right($options; $answer):
  ($options | map(.[0])) as $names
  | ($answer | if type == "array" then first else . end) as $a
  | (if ($a | type) == "number" then $names[$a]
     else ($a | tostring | trim) as $t
       | first(($names[] | select(. == $t)), ($names[] | select(ascii_downcase == ($t | ascii_downcase))),
               ($options[] | select(.[1] | trim == $t) | .[0]),
               (if $t | test("^[0-9]+$") then $names[$t | tonumber] else empty end), null)
     end)
  | if . == null then error("the answer \($a | tojson) is none of the options") else . end;

def choice_question($text; $options):
  if ($text | type) != "string" then error("there is no question in it") else
  $text + "\n\n" + ($options | map("\(.[0])) \(.[1])") | join("\n"))
  + "\n\nAnswer with the letter of one option." end;

def choice_template($options; $letter):
  {fields: [field("choice"; "literal"; "The letter of the option that the answer chooses"; $letter;
     {type: "LiteralMatch"}) + {literal_values: ($options | map(.[0]))}]};

def choice($text):
  options as $options
  | ([.answer, .target, .answerKey, .answer_index, .answer_idx, .label, .ideal, .correct] | map(select(. != null)) | first) as $answer
  | if $answer == null then error("there is no answer in it") else . end
  | right($options; $answer) as $letter
  | question(choice_question($text; $options); ($options[] | select(.[0] == $letter) | "\(.[0])) \(.[1])");
      choice_template($options; $letter));
