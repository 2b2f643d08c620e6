"""LLVM IR of the walker: `walker_ir(symbol)` defines the function that runs a decision tree of native programs.

The tree is an array of 64-bit words. It begins with the words named below, then come the nodes' records, the root's
first. A record is the node's number, the addresses of the program's main, of its table and of its decision, whether the
decision is 64 bits wide, the number of patches and the number of children; then the patches, each a slot of the node's
table and a slot of the walk's table; then the children's outcomes, ascending; then their targets in the same order. A
target is the position of a record in the array, or -1-k for leaf k.
"""

STOPPED_NODE, STOPPED_VALUE, NO_DECISION, FIRST_RECORD = range(4)
"""Words before the records: the node where the last walk ended, the outcome or status there, a zero that stands for the
decision of nodes without one."""
_NUMBER, _MAIN, _TABLE, _DECISION, _IS_WIDE, _PATCHES, _CHILDREN, RECORD_WORDS = range(8)
UNSEEN, FAILED = -1, -2


def _load(name: str, base: str, position: int | str, kind: str = "i64") -> str:
    return f"""  %{name}.at = getelementptr i64, ptr {base}, i64 {position}
  %{name} = load {kind}, ptr %{name}.at
"""


def walker_ir(symbol: str) -> str:
    """LLVM IR of `symbol(table)`: slot 0 of the table holds the tree's address, the slots after it what patches take.

    It returns the leaf's number, `UNSEEN` where a node has no child for its outcome, or `FAILED` where a program's
    status is not 0.
    """
    return f"""
define i64 @{symbol}(ptr %arrays) {{
entry:
  %tree = load ptr, ptr %arrays
  br label %node
node:
  %position = phi i64 [ {FIRST_RECORD}, %entry ], [ %target, %child ]
  %record = getelementptr i64, ptr %tree, i64 %position
{_load("table", "%record", _TABLE, "ptr")}
{_load("patches", "%record", _PATCHES)}
  %first_patch = getelementptr i64, ptr %record, i64 {RECORD_WORDS}
  %patch_words = shl i64 %patches, 1
  %outcomes = getelementptr i64, ptr %first_patch, i64 %patch_words
  br label %patches_left
patches_left:
  %patch = phi ptr [ %first_patch, %node ], [ %next_patch, %fill ]
  %filled = icmp eq ptr %patch, %outcomes
  br i1 %filled, label %run, label %fill
fill:
{_load("slot", "%patch", 0)}
{_load("source", "%patch", 1)}
{_load("address", "%arrays", "%source")}
  %slot_at = getelementptr i64, ptr %table, i64 %slot
  store i64 %address, ptr %slot_at
  %next_patch = getelementptr i64, ptr %patch, i64 2
  br label %patches_left
run:
{_load("main", "%record", _MAIN, "ptr")}
  %status = call i64 %main(ptr %table)
  %succeeded = icmp eq i64 %status, 0
  br i1 %succeeded, label %decide, label %stop
decide:
{_load("decision", "%record", _DECISION, "ptr")}
{_load("is_wide", "%record", _IS_WIDE)}
  %narrow = icmp eq i64 %is_wide, 0
  br i1 %narrow, label %read_byte, label %read_word
read_byte:
  %byte = load i8, ptr %decision
  %from_byte = zext i8 %byte to i64
  br label %decided
read_word:
  %word = load i64, ptr %decision
  br label %decided
decided:
  %outcome = phi i64 [ %from_byte, %read_byte ], [ %word, %read_word ]
{_load("children", "%record", _CHILDREN)}
  %childless = icmp eq i64 %children, 0
  br i1 %childless, label %stop, label %search
search:  ; the last outcome not above the one wanted, if any, is among `count` from `from` on
  %from = phi i64 [ 0, %decided ], [ %next_from, %halve ]
  %count = phi i64 [ %children, %decided ], [ %next_count, %halve ]
  %several = icmp ugt i64 %count, 1
  br i1 %several, label %halve, label %compare
halve:
  %half = lshr i64 %count, 1
  %middle = add i64 %from, %half
{_load("middle_outcome", "%outcomes", "%middle")}
  %is_above = icmp sgt i64 %middle_outcome, %outcome
  %next_from = select i1 %is_above, i64 %from, i64 %middle
  %next_count = sub i64 %count, %half
  br label %search
compare:
{_load("found_outcome", "%outcomes", "%from")}
  %found = icmp eq i64 %found_outcome, %outcome
  br i1 %found, label %child, label %stop
child:
  %targets = getelementptr i64, ptr %outcomes, i64 %children
{_load("target", "%targets", "%from")}
  %is_leaf = icmp slt i64 %target, 0
  br i1 %is_leaf, label %leaf, label %node
leaf:
  %leaf_number = xor i64 %target, -1
  br label %stop
stop:
  %result = phi i64 [ {FAILED}, %run ], [ {UNSEEN}, %decided ], [ {UNSEEN}, %compare ], [ %leaf_number, %leaf ]
  %value = phi i64 [ %status, %run ], [ %outcome, %decided ], [ %outcome, %compare ], [ %outcome, %leaf ]
{_load("number", "%record", _NUMBER)}
  %stopped_node = getelementptr i64, ptr %tree, i64 {STOPPED_NODE}
  store i64 %number, ptr %stopped_node
  %stopped_value = getelementptr i64, ptr %tree, i64 {STOPPED_VALUE}
  store i64 %value, ptr %stopped_value
  ret i64 %result
}}
"""
