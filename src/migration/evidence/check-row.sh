#!/bin/sh
# check-row.sh PROOF ROOT: whether the row of a proof is one of those that a root stands for.
part() { sed -n "s/^$1-bytes //p;/^\$/q" "$proof"; }
hash() { sha256sum | cut -c1-64; }
proof=$1 root=$2 row=$(part row) leaf=$(part leaf)
hash=$(tail -c "$row" "$proof" | hash)
if [ "$leaf" ]; then # The row is not migrated: its leaf is another text, which holds the row's hash.
    tail -c "$((leaf + row))" "$proof" | head -c "$leaf" | sed -n 2p | grep -qx "3:row=64:$hash" || exit 1
    hash=$(tail -c "$((leaf + row))" "$proof" | head -c "$leaf" | hash)
fi
for node in $(sed -n '/^node /{s/ /,/g;p};/^$/q' "$proof"); do hash=$(echo "$node" | sed "s/\*/$hash/;s/,/ /g" | hash); done
[ "$hash" = "$root" ] && echo "The row is one of those under the root." || { echo "The row is NOT under the root."; exit 1; }
