#!/bin/sh
# The outermost process of a lab. Standard input is its lifeline: when whoever started the lab ends, however that
# happens, it reads end-of-file here and removes everything. Descriptor 3 brings the set-up program to the holder
# (process 1 of the lab) and is the holder's lifeline in turn. Descriptor 4, if there are links, brings orders to the
# process that plays them. Standard output and error go to the holder alone, so that their end tells the starter
# that the holder is gone.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
here=$(dirname "$0")
setpriv --pdeathsig KILL unshare -U -r --net --mount --pid --fork --kill-child sh <&3 3<&- &
holder=$!
exec 3<&- 4<&- >/dev/null 2>&1
# One line arrives: a process in the lab and the lab's namespaces. Open files keep the namespaces (those of the
# nodes are mounted in the first) until the sweep is over: their numbers must not go to another lab before.
namespaces=
if read -r pid namespaces; then
  exec 8<"/proc/$pid/ns/mnt" 9<"/proc/$pid/ns/net"
  while read -r _; do :; done
fi
kill -9 "$holder"
wait "$holder"
# shellcheck disable=SC2086
exec sh "$here/sweep.sh" $namespaces
