#!/bin/sh
# sweep.sh mnt:INODE net:INODE ...: kills whatever still runs in these namespaces. A program started in a
# lab dies with the one who started it (its parent-death signal), but its own children do not: they are found
# here. The caller holds the namespaces open meanwhile, so that no other lab can get one with the same number.
# Once the holder is gone nobody starts anything here any more (ground.ts), so whoever will be there is there in a look that
# begins after that. One that finds nobody may have begun before: only the second in a row is proof.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
[ $# -gt 0 ] || exit 0
match=
for namespace; do
  match="$match -o -lname ${namespace%%:*}:?${namespace#*:}?"
done
tries=0
empty=0
while [ "$tries" -lt 50 ]; do
  # shellcheck disable=SC2086
  found=$(find /proc/[0-9]*/ns/mnt /proc/[0-9]*/ns/net -maxdepth 0 \( ${match# -o} \) 2>/dev/null |
    cut -d / -f 3 | sort -u)
  tries=$((tries + 1))
  if [ -z "$found" ]; then
    [ "$empty" = 0 ] || exit 0
    empty=1
    continue
  fi
  empty=0
  # shellcheck disable=SC2086
  kill -9 $found 2>/dev/null
  sleep 0.01
done
