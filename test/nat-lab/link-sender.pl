#!/usr/bin/perl
# link-sender.pl ADDRESS PORT COUNT FLOWS PER_SECOND BYTES: sends packets with a number (32 bits) and the time of sending
# (64 bits, floating point, ms by the wall clock) from FLOWS sockets in turn. See link-receiver.pl. Both read the same
# clock for each packet: one that is set while they run, as virtual machines do, moves only what is on its way.
use strict;
use warnings;
use Socket;
use Time::HiRes qw(clock_gettime time CLOCK_MONOTONIC);

my ($address, $port, $count, $flows, $per_second, $bytes) = @ARGV;
my @sockets = map {
  socket(my $socket, PF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
  connect($socket, sockaddr_in($port, inet_aton($address))) or die "connect: $!\n";
  $socket;
} 1 .. $flows;
my $started_at = clock_gettime(CLOCK_MONOTONIC);
for (my $sent = 0; $sent < $count;) {
  my $due = 1 + int((clock_gettime(CLOCK_MONOTONIC) - $started_at) * $per_second);
  $due = $count if $due > $count;
  for (; $sent < $due; $sent++) {
    send($sockets[$sent % $flows], pack('L< d< x' . ($bytes - 12), $sent, 1000 * time), 0);
  }
  select(undef, undef, undef, 0.0005);
}
