# verdict.jq - judges one answer.
#
# Input: {"fields": [facts of each verified field], "strategy": … or null}. Output: {"results": […],
# "scores": […], "passed": …, "granular": …}; {"error": why} if a check cannot be made; and if the
# strategy cannot be, results and scores with the error.

# A credit within its limits; what is no number earns none.
def clamp: if isnan or . < 0 then 0 elif . > 1 then 1 else . end;

def field: if .skip then [null, null] elif .raise then error(.raise) else primitive end;

. as {$fields, $strategy}
| try (
    [$fields[] | field] as $judged
    | [$judged[][0]] as $results
    | [$judged[][1] | if . == null then . else clamp end] as $scores
    | {$results, $scores}
    + try {
        passed: (
          if $strategy == null then all($results[]; . == true)
          else
            (reduce range($fields | length) as $i ({}; .[$fields[$i].name] = $results[$i])) as $named
            | $strategy | holds($named)
          end
        ),
        granular: credit($fields; $scores; $strategy)
      } catch {error: .}
  ) catch {error: .}
