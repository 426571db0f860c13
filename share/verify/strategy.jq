# strategy.jq - how the fields' results combine.

# Input: a strategy. Does it hold, given {name: true, false or null}? Conditions behind the one that
# decides are not looked at, so that an unknown name there does no harm.
def holds($results):
  if .type == "field_check" then
    .field_name as $name
    | if $results | has($name) then $results[$name] == true else error("'\($name)'") end
  elif .type == "all_of" then reduce .conditions[] as $c (true; . and ($c | holds($results)))
  elif .type == "any_of" then reduce .conditions[] as $c (false; . or ($c | holds($results)))
  else .n <= reduce .conditions[] as $c (0; if $c | holds($results) then . + 1 else . end)
  end;

# As Python's sum and max: from 0, so that it is never -0, and the first of equal ones.
def total: reduce .[] as $x (0; . + $x);
def largest: reduce .[1:][] as $x (.[0]; if $x > . then $x else . end);

# Credit of the whole from the fields' credits and weights, by the root of the strategy alone. A
# null credit counts 0, its weight counts.
def credit($fields; $scores; $strategy):
  ([$fields[].weight] | total) as $total
  | [range($fields | length) as $i | $fields[$i].weight * ($scores[$i] // 0)] as $earned
  | if $total == 0 then 0
    elif $strategy.type == "any_of" then ($earned | largest) / $total
    elif $strategy.type == "at_least_n" then
      ($earned | sort | reverse | .[:$strategy.n] | total) / $total
    else ($earned | total) / $total
    end;
