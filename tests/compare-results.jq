# Compares results of ours with those of karenina: {name, ours, theirs} -> {name, differences: [path]}.
# What belongs to the moment, and what is worded by other libraries, is left out on both sides.

def first_words: if type == "string" then split("\n")[0] | .[0:24] else . end;

def same_terms:
  .metadata |= (.timestamp = null | .execution_time = null | .result_id = null | .run_name = null)
  | .metadata.failure |= (if . == null then null else
      .reason |= first_words | .details |= (if . == null then null else .error_message |= first_words end)
      end)
  | .metadata.warnings |= map(.[0:60])
  | .trace_extraction_error |= first_words
  | .template |= (if . == null then null else .field_verification_error |= first_words end);

def differences($a; $b; $at):
  if ($a | type) == "object" and ($b | type) == "object" then
    (($a + $b) | keys_unsorted[]) as $k | differences($a[$k]; $b[$k]; $at + "." + $k)
  elif $a == $b then empty
  else $at end;

{name: .name, differences: [differences(.ours | same_terms; .theirs | same_terms; "")]}
