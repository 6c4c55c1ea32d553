#!/usr/bin/perl
# capture.pl FILE [INTERFACE]: writes what passes to a pcap file, says "capturing" once nothing will be missed,
# and ends on SIGTERM or SIGINT after the last packet that has passed is in the file; then it says "N packets".
# tcpdump cannot do this in a rootless lab: as root it insists on setgroups(2), which a user namespace made by an
# ordinary user forbids. Constants are Linux's, from linux/if_packet.h and asm-generic/socket.h.
use strict;
use warnings;
use Errno qw(EINTR EAGAIN);

my ($AF_PACKET, $SOCK_DGRAM, $ETH_P_ALL) = (17, 2, 3);
my ($SOL_SOCKET, $SO_RCVBUFFORCE, $MSG_DONTWAIT) = (1, 33, 0x40);
my ($SIOCGIFINDEX, $SIOCGSTAMP) = (0x8933, 0x8906);
my ($SNAPLEN, $LINKTYPE_LINUX_SLL2) = (262144, 276);

my ($file, $interface) = @ARGV;
my ($stopping, $count) = (0, 0);
$SIG{TERM} = $SIG{INT} = sub { $stopping = 1 };

open(my $pcap, '>:raw', $file) or die "$file: $!\n";
socket(my $socket, $AF_PACKET, $SOCK_DGRAM, unpack('S', pack('n', $ETH_P_ALL))) or die "packet socket: $!\n";
setsockopt($socket, $SOL_SOCKET, $SO_RCVBUFFORCE, pack('i', 8 << 20)); # a kernel may refuse; then 200 KiB it is
if (defined $interface) {
  my $request = pack('a16 x24', $interface);
  ioctl($socket, $SIOCGIFINDEX, $request) or die "interface $interface: $!\n";
  bind($socket, pack('S n i S C C a8', $AF_PACKET, $ETH_P_ALL, unpack('x16 i', $request), 0, 0, 0, '')) or die "bind: $!\n";
}
write_all(pack('L S S l L L L', 0xa1b2c3d4, 2, 4, 0, 0, $SNAPLEN, $LINKTYPE_LINUX_SLL2));
my $stamp = pack('x16');
ioctl($socket, $SIOCGSTAMP, $stamp); # there is none yet, but from now on the kernel notes them
$| = 1;
print "capturing\n";

# A wait that a signal can end, and that cannot miss a signal which comes just before it.
while (1) {
  my $last_round = $stopping;
  drain();
  last if $last_round;
  my $readable = '';
  vec($readable, fileno($socket), 1) = 1;
  select($readable, undef, undef, 0.1);
}
print "$count packets\n";

sub drain {
  while (defined(my $from = recv($socket, my $packet, $SNAPLEN, $MSG_DONTWAIT))) {
    ioctl($socket, $SIOCGSTAMP, $stamp) or die "time stamp: $!\n";
    my ($seconds, $microseconds) = unpack('q q', $stamp);
    # sockaddr_ll to the header of LINKTYPE_LINUX_SLL2 (tcpdump.org/linktypes).
    my (undef, $protocol, $index, $hardware, $type, $length, $address) = unpack('S n i S C C a8', $from);
    my $header = pack('n n N n C C a8', $protocol, 0, $index, $hardware, $type, $length, $address);
    my $size = length($header) + length($packet);
    write_all(pack('L L L L', $seconds, $microseconds, $size, $size) . $header . $packet);
    $count++;
  }
  die "receive: $!\n" unless $! == EAGAIN or $! == EINTR;
}

sub write_all {
  my ($bytes) = @_;
  my $done = 0;
  while ($done < length $bytes) {
    my $n = syswrite($pcap, $bytes, length($bytes) - $done, $done);
    die "$file: $!\n" unless defined $n or $! == EINTR;
    $done += $n // 0;
  }
}
