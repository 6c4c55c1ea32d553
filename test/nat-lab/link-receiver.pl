#!/usr/bin/perl
# link-receiver.pl PORT: prints "ready"; at the end of standard input, one line of JSON: the packets of link-sender.pl
# in the order in which they came, as [number, delay in ms, time of arrival in ms]. It counts the times at which the kernel received them, so
# that a busy machine, on which this program has to wait for its turn, does not look like a slow link.
use strict;
use warnings;
use Socket;

my $SIOCGSTAMP = 0x8906;
socket(my $socket, PF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
setsockopt($socket, SOL_SOCKET, SO_RCVBUF, 4 << 20);
bind($socket, sockaddr_in($ARGV[0], INADDR_ANY)) or die "bind: $!\n";
my $stamp = pack('x16');
ioctl($socket, $SIOCGSTAMP, $stamp); # there is none yet, but from now on the kernel notes them
$| = 1;
print "ready\n";

my @arrivals;
while (1) {
  my $readable = '';
  vec($readable, $_, 1) = 1 for 0, fileno($socket);
  select($readable, undef, undef, undef);
  if (vec($readable, fileno($socket), 1)) {
    recv($socket, my $data, 2048, 0);
    ioctl($socket, $SIOCGSTAMP, $stamp) or die "time stamp: $!\n";
    my ($seconds, $microseconds) = unpack('q q', $stamp);
    my ($number, $sent_ms) = unpack('L< d<', $data);
    my $arrived_ms = $seconds * 1000 + $microseconds / 1000;
    push @arrivals, sprintf('[%d,%.3f,%.3f]', $number, $arrived_ms - $sent_ms, $arrived_ms);
  } elsif (vec($readable, 0, 1)) {
    last unless sysread(STDIN, my $ignored, 100);
  }
}
print '[', join(',', @arrivals), "]\n";
