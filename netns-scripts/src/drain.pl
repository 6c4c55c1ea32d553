# perl drain.pl HOST:PORT: asks the supernode that is administered there to empty itself. Perl, as it starts at once: the
# program itself takes a second where the machine is busy.
use strict;
use warnings;
use IO::Socket::INET;

my $admin = IO::Socket::INET->new(PeerAddr => $ARGV[0], Timeout => 5) or die "no supernode is administered at $ARGV[0]\n";
print $admin "POST /drain HTTP/1.0\r\nx-overcall-drain: 1\r\ncontent-length: 0\r\n\r\n";
my $status = <$admin> // '';
die "the supernode at $ARGV[0] said: $status\n" unless $status =~ m{^HTTP/1\.\d 200 };
