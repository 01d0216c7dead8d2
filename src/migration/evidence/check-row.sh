#!/bin/sh
# check-row.sh PROOF ROOT: whether the row of a proof is one of those that a root stands for. Exit status 0, 1, or 2.
[ -r "$1" ] && [ "$2" ] || { echo "usage: sh check-row.sh PROOF ROOT (the root is in manifest.json)" >&2; exit 2; }
fail() { echo "The row is NOT proved to be under the root: $1."; exit 1; }
hash() { sha256sum | cut -c1-64; }
last() { tail -c "$1" "$proof"; }
proof=$1 head=$(sed '/^$/q' "$1") bytes=$(sed '/^$/q' "$1" | wc -c) hex='[0-9a-f]{64}'
part() { echo "$head" | sed -n "$1p" | grep -Ex "$2"; }
part 1 'pad-migrate row proof 1' >/dev/null || fail "it is not the proof of a row"
part 4 "root $2" >/dev/null || fail "it is of another root"
leaf=$(part 13 '(leaf|row)-bytes [0-9]{1,9}') || fail "line 13 of it says no number of bytes"
case $leaf in
    leaf*) row=$(part 14 'row-bytes [0-9]{1,9}') || fail "line 14 of it says no number of bytes" ;;
    *) row=$leaf leaf='leaf-bytes 0' ;;
esac
leaf=${leaf#* } row=${row#* }
[ "$(wc -c <"$proof")" = $((bytes + leaf + row)) ] || fail "it is longer or shorter than it says"
last "$row" | sed -n 1p | grep -qx row || fail "its text is not a row's"
hash=$(last "$row" | hash)
if [ "$leaf" != 0 ]; then # The row is not migrated: its leaf is another text, which holds the row's hash.
    last $((leaf + row)) | sed -n 1p | grep -Eqx 'rejected|pending' || fail "its leaf is not one"
    last $((leaf + row)) | sed -n 2p | grep -qx "3:row=64:$hash" || fail "its leaf is not of its row"
    hash=$(last $((leaf + row)) | head -c "$leaf" | hash)
fi
for line in 5 6 7 8 9 10 11 12; do
    node=$(part $line "node( $hex)* [*]( $hex)*") || fail "line $line of it is not a node"
    hash=$(echo "$node" | sed "s/\*/$hash/" | hash)
done
[ "$hash" = "$2" ] || fail "it leads to $hash"
echo "This row is one of those under the root: $(last "$row" | sed -n 2p)"
