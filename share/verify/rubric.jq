# rubric.jq - what a rubric trait's value is, from what a pattern found or the judge said.
#
# Input: {"rule": one of the names at the end, and the facts it goes by (README)}. An error loses the
# trait, or the whole rubric if the judge was asked about all its traits at once.

def regex: .found != .invert;

# As said; what says neither is no score.
def boolean: .reply.truth | if . == null then error("must be true or false") else . end;

# Within the limits.
def score:
  . as {$min, $max} | .reply.number
  | if . == null then error("must be a whole number")
    elif . <= $min then $min
    elif . >= $max then $max
    else .
    end;

# The position of the class named: exactly, else in any case; -1 for none. The label shown is the
# class as it is spelled, or else what the judge said, unless one is given here. (jq 1.6 leaks memory
# in `index` of an array.)
def literal:
  .reply as $r
  | if $r == null then {class: -1, label: "[MISSING_FROM_RESPONSE]"}
    else {
      class: first(
        (.classes | to_entries[] | select(.value.text == $r.text) | .key),
        (.classes | to_entries[] | select(.value.folded == $r.folded) | .key),
        -1
      )
    }
    end;

# ---- metrics: of the entries the judge sorted into true and false positives and negatives ----

# The positions of the entries that count: none that is blank, of equal ones the first.
def distinct: [to_entries[] | select(.value != "")] | unique_by(.value) | map(.key) | sort;

def ratio($part; $whole): if $whole == 0 then 0 else $part / $whole end;

# Input: how many there are of each.
def measures:
  ratio(.tp; .tp + .fp) as $precision
  | ratio(.tp; .tp + .fn) as $recall
  | {
      $precision,
      $recall,
      specificity: ratio(.tn; .tn + .fp),
      accuracy: ratio(.tp + .tn; .tp + .tn + .fp + .fn),
      f1: ratio(2 * $precision * $recall; $precision + $recall)
    };

def metric:
  .distinct as $distinct | .metrics as $wanted
  | (.lists | map_values(if $distinct then distinct else keys end)) as $kept
  | ($kept | map_values(length) | measures) as $measures
  | {$kept, values: [$wanted[] | $measures[.]]};

.rule as $rule
| if $rule == "regex" then regex
  elif $rule == "boolean" then boolean
  elif $rule == "score" then score
  elif $rule == "literal" then literal
  elif $rule == "metric" then metric
  else error("no rule for \($rule)")
  end
